"""Live: start a run, and watch languages fold onto each other."""

import streamlit as st

from app.monitor import watch
from app.runs import choose_run, readable_runs, tell
from app.start_form import start_form
from app.waiting import show_queue

runs, problems = readable_runs()
st.title("Live", anchor=False)
tell(problems)
waits = show_queue(st.query_params.get("run"))

if not runs:
    st.markdown(
        "Press the button: a small encoder starts to read the same facts in fifteen languages. "
        "It is a process of its own; you may close this page and come back."
    )
    middle, _ = st.columns([2, 3])
    with middle:
        start_form(is_first_run=True)
    st.stop()

left, right = st.columns([3, 1], vertical_alignment="bottom")
with left:
    run = choose_run(runs) if not waits else runs[0]
with right, st.popover("New run", icon=":material/add:", width="stretch"):
    start_form(is_first_run=False)
if not waits:
    watch(run)
