"""Messages: the newest is seen, none is lost, and what is settled goes by itself."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from moonscope_gui.widgets.message_bar import Message, MessageBar


@pytest.fixture
def bar(qtbot: QtBot) -> MessageBar:
    bar = MessageBar()
    qtbot.addWidget(bar)
    return bar


def texts(bar: MessageBar) -> list[str]:
    """What is seen when one message after the other is dismissed."""
    seen = []
    while not bar.isHidden():
        seen.append(bar._text.text())
        bar._dismiss()
    return seen


def test_dismissing_a_message_shows_the_one_before(bar: MessageBar) -> None:
    for text in ("first", "second", "third"):
        bar.show_message(Message(text))
    assert texts(bar) == ["third", "second", "first"]


def test_a_message_takes_the_place_of_an_older_one_of_its_topic(bar: MessageBar) -> None:
    for text, topic in (("lost once", "engine"), ("other", ""), ("lost twice", "engine")):
        bar.show_message(Message(text, topic=topic))
    assert texts(bar) == ["lost twice", "other"]


def test_a_topic_that_is_settled_is_withdrawn(bar: MessageBar) -> None:
    bar.show_message(Message("other"))
    bar.show_message(Message("lost", topic="engine"))
    bar.withdraw("engine")
    assert texts(bar) == ["other"]


def test_an_offer_is_taken_once_and_settles_the_message(bar: MessageBar) -> None:
    taken: list[str] = []
    bar.show_message(Message("lost", offer="Restart", accept=lambda: taken.append("restart")))
    bar._offer.click()
    assert taken == ["restart"]
    assert bar.isHidden()


def test_details_open_on_request_and_close_with_the_message(bar: MessageBar) -> None:
    bar.show_message(Message("failed", "line 1\nline 2"))
    assert bar._details.isHidden()
    bar._details_button.click()
    assert not bar._details.isHidden()
    assert bar._details.toPlainText() == "line 1\nline 2"
    bar.show_message(Message("another"))
    assert bar._details.isHidden()
    assert bar._details_button.isHidden()


def test_names_that_look_like_html_are_shown_as_they_are(bar: MessageBar) -> None:
    bar.show_message(Message("<b>x</b>.lua was not read"))
    assert bar._text.textFormat().name == "PlainText"
