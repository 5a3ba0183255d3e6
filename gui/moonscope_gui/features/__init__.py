"""One folder for each thing a person does. This list is the only place that names them all."""

from __future__ import annotations

from collections.abc import Callable

from ..link.context import Context
from .cache_map.feature import CacheMapFeature
from .clear.feature import ClearFeature
from .compare.feature import CompareFeature
from .console.feature import ConsoleFeature
from .engine.feature import EngineFeature
from .export.feature import ExportFeature
from .feature import Feature
from .files.feature import FilesFeature
from .generations.feature import GenerationsFeature
from .inspector.feature import InspectorFeature
from .interrupts.feature import InterruptsFeature
from .log.feature import LogFeature
from .look.feature import LookFeature
from .plots.feature import PlotsFeature
from .verdicts.feature import VerdictsFeature
from .versions.feature import VersionsFeature
from .vms.feature import VMsFeature
from .what_if.feature import WhatIfFeature

FEATURES: tuple[Callable[[Context], Feature], ...] = (
    FilesFeature, VMsFeature, PlotsFeature, InspectorFeature, ConsoleFeature, LookFeature, LogFeature,
    GenerationsFeature, CompareFeature, VerdictsFeature, CacheMapFeature, VersionsFeature, ClearFeature,
    InterruptsFeature, WhatIfFeature, ExportFeature, EngineFeature,
)  # fmt: skip
"""Their parts of the window come in this order."""
