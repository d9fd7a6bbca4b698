"""The router of the dashboard: `lab app`, or `streamlit run app/main.py`.

The server imports this file once for the door before the pages; every session then runs it for the pages.
"""

from pathlib import Path

import streamlit as st
from streamlit import runtime

from app import serving
from app.runs import stop_with
from core.errors import InputError

FOLDER = Path(__file__).parent
VIEWS = FOLDER / "views"

if not runtime.exists():
    app = st.App(__file__, **serving.guarded())
else:
    # a named icon or an emoji would be fetched from another host
    st.set_page_config(page_title="Parallax", page_icon=str(FOLDER / "pictures" / "icon.svg"), layout="wide")

    pages = [
        st.Page(VIEWS / "overview.py", title="Overview", icon=":material/join_inner:", default=True),
        st.Page(VIEWS / "live.py", title="Live", icon=":material/play_circle:"),
        st.Page(VIEWS / "space.py", title="Space", icon=":material/scatter_plot:"),
        st.Page(VIEWS / "information.py", title="Information", icon=":material/balance:"),
        st.Page(VIEWS / "vocabulary.py", title="Vocabulary", icon=":material/translate:"),
        st.Page(VIEWS / "ablations.py", title="Ablations", icon=":material/science:"),
        st.Page(VIEWS / "retrieval.py", title="Retrieval", icon=":material/grid_on:"),
        st.Page(VIEWS / "try_it.py", title="Try it", icon=":material/edit:", url_path="try"),
    ]
    page = st.navigation({"Parallax": pages})
    try:
        page.run()
    except InputError as error:
        stop_with(error)
