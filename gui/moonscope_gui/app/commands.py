"""What each action does in a window, and which of the needs of actions are met in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from moonscope.model import CacheMode

from ..widgets import theme
from . import actions

if TYPE_CHECKING:
    from .main_window import MainWindow


def calls(window: MainWindow) -> dict[str, Callable[..., object]]:
    """By the key of the action."""
    files, vms, cache, export = window.files_flow, window.vms_flow, window.cache_flow, window.export_flow
    versions, inspection = window.versions_flow, window.inspection
    found: dict[str, Callable[..., object]] = {
        "open-files": files.choose_files, "open-folder": files.choose_folder,
        "load-selected": files.load_selected, "load-all": files.load_in_all,
        "inspect-file": inspection.choose_file, "find-closures": window.closures_flow.find_current,
        "export": export.export_table, "copy": export.copy_rows, "screenshot": export.choose_screenshot,
        "find": lambda: window.current_table().filter.setFocus(Qt.FocusReason.ShortcutFocusReason),
        "quit": window.close,
        "look": window.look_into,
        "spawn": vms.spawn, "run-script": vms.run_script, "collect": vms.collect,
        "interrupt": window.interrupt_flow.interrupt,
        "close-selected": vms.close_selected, "close-all": vms.close_all,
        "cache-map": window.cache_map_flow.open,
        "compare": window.compare_flow.compare, "globals": window.verdicts_flow.explain,
        "recompile": versions.recompile, "old-code": versions.select_old_code, "holders": versions.select_holders,
        "evict": cache.evict_selected, "evict-pattern": cache.evict_pattern, "clear": cache.clear_all,
        "limits": cache.choose_limits,
        "pause": window.set_paused, "reset-layout": window.layout_.reset, "palette": window.show_palette,
        "what-if": window.what_if_flow.open,
        "restart": window.engine_flow.restart, "about": window.engine_flow.about,
    }  # fmt: skip
    for mode in CacheMode:
        found[f"mode-{mode.value}"] = partial(vms.set_mode, mode)
        found[f"default-{mode.value}"] = lambda _, mode=mode: vms.set_default_mode(mode)
    for name in theme.NAMES:
        found[f"theme-{name}"] = lambda _, name=name: window.set_theme(name)
    return found


def needs_met(window: MainWindow) -> set[str]:
    """Of those that `actions` declares."""
    state = window.state
    met = {
        actions.HOST: window.link.is_connected,
        actions.VMS: bool(state.vms),
        actions.VM_CHOSEN: window.vms.view.selectionModel().hasSelection(),
        actions.FILES: bool(state.files),
        actions.FILE_CHOSEN: window.files.view.selectionModel().hasSelection(),
        actions.FILES_TO_COMPARE: window.compare_flow.can_compare(),
        actions.ONE_CACHED: window.verdicts_flow.can_explain(),
        actions.FILE_CHANGED: window.versions_flow.can_recompile(),
        actions.FILE_OLD: window.versions_flow.can_show_old_code(),
        actions.GENERATION_CHOSEN: window.generations.view.selectionModel().hasSelection(),
    }
    return {need for need, is_met in met.items() if is_met}
