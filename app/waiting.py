"""Shows the queue of runs that wait for their turn to train, and the jobs that failed to start."""

from pathlib import Path

import streamlit as st

from app.visitor import visitor
from lab import store
from lab.figures.sentences import markdown_text
from lab.store import turns
from lab.store.turns import Ticket

REFRESH_SECONDS = 2.0


def show_queue(wanted: str | None) -> bool:
    """Shows waiting and failed jobs; returns True while the wanted run waits, and so has no page yet."""
    waits = any(ticket.name == wanted and not store.is_run(ticket.name) for ticket in turns.tickets())
    if turns.tickets() or turns.failed_tickets():
        st.fragment(_queue, run_every=REFRESH_SECONDS)(wanted, waits)
    return waits


def _queue(wanted: str | None, waited: bool) -> None:
    living, session = turns.tickets(), visitor().session
    waiting = [ticket for ticket in living if ticket.state == "waits"]
    begins = [ticket for ticket in living if ticket.state == "trains" and not store.is_run(ticket.name)]
    if waited and not any(ticket.name == wanted for ticket in (*waiting, *begins)):
        st.rerun()
    for ticket in begins:
        if ticket.starter.session == session:
            st.info(
                f"{markdown_text(ticket.name)} begins: its process starts within some ten seconds.",
                icon=":material/hourglass_top:",
            )
    training = [ticket.name for ticket in living if ticket.state == "trains" and ticket.name]
    for place, ticket in enumerate(waiting, start=len(living) - len(waiting)):
        _waiting(ticket, place, training, session)
    for ticket in turns.failed_tickets():
        if ticket.starter.session == session and session and not store.is_run(ticket.name):
            _failed(ticket)


def _waiting(ticket: Ticket, place: int, training: list[str], session: str) -> None:
    text, button = st.columns([5, 2], vertical_alignment="center")
    who = markdown_text(ticket.starter.words(session))
    trains = f", {markdown_text(' and '.join(training))} trains" if training else ""
    text.info(
        f"**{markdown_text(ticket.name)}** ({who}) waits for its turn: {place} before it{trains}.",
        icon=":material/queue:",
    )
    if ticket.starter.session == session:
        button.button(
            "Leave the queue", key=f"leave-{ticket.name}", on_click=turns.leave, args=(ticket.name,)
        )


def _failed(ticket: Ticket) -> None:
    reason = store.tail(Path(ticket.log), 1).removeprefix("lab: ") if ticket.log else ""
    st.error(f"{markdown_text(ticket.name)} did not start. {markdown_text(reason)}", icon=":material/error:")
    st.button("Good to know", key=f"forget-{ticket.name}", on_click=turns.leave, args=(ticket.name,))
