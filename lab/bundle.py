"""Exports a run as a folder for other tools: weights, tokenizer, contrast memory, settings and scores."""

import json
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.export import export
from core.files import whole_folder
from lab.evaluate.scores import read_mean
from lab.evaluate.trained import trained_model
from lab.store import Run, report_full_disk

CARD = """\
---
library_name: sentence-transformers
language: {languages}
---

# {name}

An XLM-R encoder of {layers} layers x {hidden}, {vocabulary:,} tokens, trained by Parallax for {step:,} steps (recipe
`{recipe}`) on `{corpus}`. Retrieval of held-out translations, top-1 by cosine: {retrieval}.

```python
from sentence_transformers import SentenceTransformer
vectors = SentenceTransformer("FOLDER").encode(["a sentence"])  # hidden state {layer}, {pooling} pooling

from transformers import AutoModel, AutoTokenizer
encoder = AutoModel.from_pretrained("FOLDER")                   # all layers
```

`lab evaluate FOLDER --corpus CORPUS` measures it, `lab train RECIPE --model.start FOLDER` goes on from it;
`contrast.safetensors` holds contrast head, key encoder and queue, `run.json` the settings they belong to.
"""


def bundle(
    run: Run, folder: Path, layer: int | None = None, pooling: str | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Writes the newest checkpoint, settings and scores of a run into a folder, whole or not at all.

    Raises:
        InputError: the run has no checkpoint yet, the folder is taken, or the layer does not exist.
    """
    info = run.info
    if folder.exists() and not overwrite:
        raise _folder_taken(folder)
    trained = trained_model(run)
    model, tokenizer = trained.model, trained.tokenizer
    config = model.encoder.config
    top = config.num_hidden_layers
    layer = info.settings.evaluation_layer_of(top) if layer is None else layer
    if not 0 <= layer <= top:
        raise InputError(f"expected a layer from 0 to {top}, got {layer}")
    pooling = pooling or info.settings.measure.pooling
    card = CARD.format(
        name=run.name,
        languages=json.dumps(info.languages),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        vocabulary=tokenizer.size,
        step=trained.step,
        recipe=info.settings.recipe,
        corpus=Path(info.corpus).name,
        retrieval=_retrieval(run),
        layer=layer,
        pooling=pooling,
    )
    with report_full_disk(folder):
        try:
            with whole_folder(folder, replaces=lambda _: overwrite) as partial:
                export(model, tokenizer, partial, layer, pooling)
                (partial / "README.md").write_text(card, encoding="utf-8")
                run.copy_results(partial)
        except FileExistsError:
            raise _folder_taken(folder) from None
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*.*"))}
    return {
        "run": run.name,
        "folder": str(folder),
        "step": trained.step,
        "layer": layer,
        "pooling": pooling,
        "files": files,
    }


def _folder_taken(folder: Path) -> InputError:
    return InputError(f"{folder} exists already: choose another --out, or add --overwrite")


def _retrieval(run: Run) -> str:
    mean = read_mean(run.scores())
    if mean is None:
        return "not measured"
    return f"{mean.words()}; 95 % interval over meanings, mean over {mean.directions:,} directions"
