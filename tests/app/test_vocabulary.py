"""The page Vocabulary: what a typed sentence costs, parities, curves and the price, and the state in the URL."""

import pytest

from app.tokenisation import piece_runs, pieces_html, token_text, tokenizer_of
from core.text.tokenizer import train_tokenizer
from core.text.vocabulary.published import PublishedTokenizer
from lab import store
from lab.cli import run as lab
from lab.figures.sentences import markdown_text
from lab.figures.vocabulary import sizes_at
from tests.app.test_pages import open_page, words
from tests.app.test_real_text import folder, run  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SCRIPTS = ("جلست القطة على السجادة", "बिल्ली चटाई पर बैठी थी", "แมวนั่งบนเสื่อ", "猫坐在垫子上")


@pytest.fixture
def measured(run):  # noqa: F811
    """The run with what both buttons of the page compute."""
    if run.document("vocabulary") is None:
        assert lab(["vocabulary", "r", "--json"]) == 0
        assert (
            lab(["vocabulary", "--allocate", "--run", "r", "--size", "900", "--processes", "1", "--json"])
            == 0
        )
    return store.open_run("r")


@pytest.mark.parametrize("text", SCRIPTS)
def test_the_parts_of_a_sentence_make_up_the_sentence_in_every_script(run, text):  # noqa: F811
    runs = piece_runs(tokenizer_of(run), text)
    assert "".join(part for part, _, _ in runs) == text
    assert sum(tokens for _, tokens, _ in runs) == len(tokenizer_of(run).encode([text])[0])


def test_a_character_of_several_bytes_is_one_part_with_their_number():
    tokenizer = PublishedTokenizer("t", train_tokenizer(["a b c"], 20, byte_fallback=True))
    assert ("猫", 3, "byte") in piece_runs(tokenizer, "a 猫 b")
    assert "<sub>3</sub>" in pieces_html(tokenizer, "a 猫 b")


def test_a_number_does_not_part_a_letter_from_its_vowel_sign():
    tokenizer = PublishedTokenizer("t", train_tokenizer(["a ी c"], 20, byte_fallback=True))
    html = pieces_html(tokenizer, "ठी")
    assert html.index("ी") < html.index("<sub>")


@pytest.mark.parametrize(
    ("token", "shown"), [("ั", "◌ั"), ("ी", "◌ी"), ("ाई", "◌ाई"), ("ลั", "ลั"), ("▁c", "▁c"), ("", "")]
)
def test_a_mark_without_its_letter_stands_on_a_dotted_circle(token, shown):
    assert token_text(token) == shown


def test_text_is_shown_and_never_interpreted(run):  # noqa: F811
    html = pieces_html(tokenizer_of(run), "<script>alert(1)</script>")
    assert "<script" not in html
    assert "dir='auto'" in html


def test_before_anything_is_measured_the_page_offers_to_measure(run):  # noqa: F811
    page = open_page("vocabulary", run="r")
    assert not page.error
    labels = [button.label for button in page.button]
    assert {"Measure the vocabulary", "Compute the curves of its languages"} <= set(labels)


def test_a_sentence_in_the_url_is_cut_and_its_tokens_are_counted(run):  # noqa: F811
    page = open_page("vocabulary", run="r", text=SCRIPTS[0])
    (ids,) = tokenizer_of(run).encode([SCRIPTS[0]])
    assert f"r**: {len(ids)} tokens" in words(page)


def test_what_was_measured_is_shown_with_its_reference_and_curves_with_their_price(measured):
    page = open_page("vocabulary", run="r")
    assert not page.error
    said = words(page)
    assert "over those of English; with 95 % intervals" in said
    assert "are shared. Dotted: the concave" in said
    document = measured.document("allocation")
    (slider,) = [each for each in page.select_slider if each.key == "price"]
    # the page opens where the union fits into the size that was asked for
    assert slider.value == 0 or document["path"][slider.value - 1]["union"] <= 900


def test_a_lower_price_buys_more_pieces(measured):
    document = measured.document("allocation")
    pieces = []
    for price in (0, len(document["path"])):
        said = words(open_page("vocabulary", run="r", price=str(price)))
        pieces.append(said.partition("Now they have ")[2].split()[0])
    assert int(pieces[0].replace(",", "")) < int(pieces[1].replace(",", ""))


def dials(page):
    """The dial of the price and the field of the size, as the page shows them now."""
    (price,) = [each for each in page.select_slider if each.key == "price"]
    (size,) = [each for each in page.number_input if each.key == "size"]
    return price, size


def test_a_size_moves_the_price_and_the_price_the_size(measured):
    page = open_page("vocabulary", run="r")
    document = measured.document("allocation")
    unions = [document["smallest_pieces"], *(step["union"] for step in document["path"])]
    for pieces in (unions[0], unions[-1], 700):
        dials(page)[1].set_value(pieces).run()
        price, size = dials(page)
        assert unions[price.value] == size.value <= pieces
    dials(page)[0].set_value(3).run()
    assert dials(page)[1].value == unions[3]
    assert not page.exception


def test_another_beta_buys_in_another_order(measured):
    document = measured.document("allocation")
    half, pieces = str(len(document["path"]) // 2), {}
    for beta in ("0.0", "1.0"):
        page = open_page("vocabulary", run="r", beta=beta, price=half)
        assert not page.exception
        pieces[beta], union = sizes_at(document, document["paths"][beta], int(half))
        assert f"{sum(pieces[beta].values()):,} pieces, {union:,} different ones" in words(page)
    # English has most text by far
    assert pieces["0.0"]["en"] < pieces["1.0"]["en"]


def test_a_document_of_an_earlier_version_has_its_one_beta(measured):
    document = measured.document("allocation")
    measured.write_document("allocation", {k: v for k, v in document.items() if k not in ("paths", "beta")})
    try:
        page = open_page("vocabulary", run="r")
        assert not page.exception
        assert "are shared. Dotted: the concave" in words(page)
    finally:
        measured.write_document("allocation", document)


def test_a_run_without_a_checkpoint_says_so(full):
    page = open_page("vocabulary", run="first")
    assert page.error
    assert not page.exception


def test_tokens_that_can_be_pressed_are_shown_as_they_are(run):  # noqa: F811
    text = "**bold** [link](x) `code`"
    page = open_page("vocabulary", run="r", text=text)
    (pills,) = [each for each in page.get("button_group") if "Neighbours" in each.proto.label]
    tokenizer = tokenizer_of(run)
    (ids,) = tokenizer.encode([text])
    tokens = list(dict.fromkeys(tokenizer.backend.id_to_token(int(index)) for index in ids))
    shown = [option.content for option in pills.proto.options]
    assert shown == [markdown_text(token) for token in tokens]
    assert shown != tokens
