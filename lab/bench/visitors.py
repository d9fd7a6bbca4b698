"""Sessions of the dashboard without a browser, which speak Streamlit's protocol over its web socket as a page does."""

import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

SECONDS: Final = 300
"""A page that is not drawn by then counts as failed."""
LARGEST_MESSAGE: Final = 2**26
DONE: Final = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Visitor:
    """A session, opened by `visit`.

    Attributes:
        socket: connection of the session.
        stack: closes the connection.
        pages: script hashes of the pages by their paths.
        buttons: identities of the buttons on the page by their labels.
        fragments: parts of the page that redraw themselves, with their intervals in seconds.
        errors: error messages on the page.
    """

    socket: ClientConnection
    stack: ExitStack
    pages: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _page: str = ""

    def open(self, path: str = "") -> float:
        """Opens a page and returns the seconds until it was drawn."""
        self.buttons, self.fragments, self.errors = {}, {}, []
        state = {"page_script_hash": self.pages[path]} if path in self.pages else {"page_name": path}
        return self._rerun(**state)

    def press(self, label: str) -> float:
        """Presses a button and returns the seconds until the page was drawn again."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.widget_states.widgets.add(id=self.buttons[label], trigger_value=True)
        return self._sent(message)

    def refresh(self) -> float:
        """Redraws the fragments, as the page does at their intervals; returns the seconds for all fragments."""
        return sum(
            self._rerun(page_script_hash=self._page, fragment_id=fragment, is_auto_rerun=True)
            for fragment in list(self.fragments)
        )

    def close(self) -> None:
        """Ends the session."""
        self.stack.close()

    def _rerun(self, **state: Any) -> float:
        message = BackMsg()
        for name, value in state.items():
            setattr(message.rerun_script, name, value)
        message.rerun_script.widget_states.SetInParent()
        return self._sent(message)

    def _sent(self, message: BackMsg) -> float:
        began = time.perf_counter()
        self.socket.send(message.SerializeToString())
        while not self._take(self.socket.recv(timeout=SECONDS)):
            pass
        return time.perf_counter() - began

    def _take(self, received: Any) -> bool:
        """Handles a message; returns True when the page is drawn."""
        message = ForwardMsg.FromString(received)
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self.pages |= {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            self._page = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "button":
                self.buttons[element.button.label] = element.button.id
            elif element.WhichOneof("type") == "exception":
                self.errors.append(f"{element.exception.type}: {element.exception.message}")
            elif element.WhichOneof("type") == "alert":
                self.errors += [element.alert.body] if element.alert.format == element.alert.ERROR else []
        return kind == "script_finished" and message.script_finished in DONE


def visit(address: str) -> Visitor:
    """Opens a session as a browser does: loads the document of the page, takes its cookies and connects."""
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:
        answer.read()
        cookies = "; ".join(cookie.partition(";")[0] for cookie in answer.headers.get_all("set-cookie") or [])
    host = urlsplit(address).netloc
    stack = ExitStack()
    connection = connect(
        f"ws://{host}/_stcore/stream",
        origin=f"http://{host}",
        subprotocols=["streamlit"],
        additional_headers={"Cookie": cookies},
        max_size=LARGEST_MESSAGE,
        open_timeout=SECONDS,
        ping_interval=None,
    )
    return Visitor(stack.enter_context(connection), stack)
