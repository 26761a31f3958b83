"""What can be set about DIN. No torch here: the configuration imports these settings."""

from pydantic import BaseModel, ConfigDict, Field


class DINSettings(BaseModel):
    """The network and its training, the same for every arm."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    history_length: int = Field(default=50, ge=1)
    """Most recent events a row attends to."""
    dimension: int = Field(default=16, ge=1)
    """Length of item vectors: id, semantic-id prefixes and attributes are summed in it."""
    attention_units: int = Field(default=64, ge=1)
    """Hidden units of the attention between candidate and event."""
    units: tuple[int, ...] = (128, 64)
    """Hidden units of the layers above."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of hidden units dropped in training, drawn from the seed."""
    id_dropout: float = Field(default=0.1, ge=0, le=1)
    """Share of items that a training batch reads without their id, so that the path of cold items is
    trained."""
    least_events: int = Field(default=5, ge=1)
    """Events before validation that give an item an id of its own; rarer ones share the unknown id."""
    codes: bool = True
    """Adds embeddings of semantic-id prefixes (`item_codes`) of the arm's views; nothing where the views
    have no codes."""
    attributes: bool = True
    """Adds the mean embedding of the catalogue's own attributes; every arm has it."""
    text_vectors: bool = False
    """Adds to item vectors, inside attention too, a learned linear projection of the frozen whitened
    vectors of the arm's views; `base` has none. Changes nothing about the histograms and codes. Helped one
    arm of four on MovieLens-100K (docs/lift.md)."""
    tiers: int = Field(default=8, ge=0)
    """Bins of the histogram of similarities between candidate and history, for liked and disliked events
    of each view; 0 for none."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Step of Adam."""
    decay: float = Field(default=1e-4, ge=0)
    """Decoupled weight decay of the layers, per unit of learning rate."""
    embedding_decay: float = Field(default=1.0, ge=0)
    """The same for item ids, applied to the rows a batch reads. Stronger, since ids are what overfits
    within an epoch."""
    epochs: int = Field(default=3, ge=1)
    """Most passes over the training rows."""
    checks_per_epoch: int = Field(default=2, ge=1)
    """Looks at the validation rows in an epoch; the weights with the lowest log-loss are kept, two worse
    looks end training."""
    batch_rows: int = Field(default=1024, ge=1)
    """Rows of a step."""
    block_rows: int = Field(default=65_536, ge=1)
    """Rows read and shuffled at a time: bounds memory. Blocks come in random order."""
    checkpoint_steps: int = Field(default=500, ge=1)
    """Steps between checkpoints, where a folder for them is given. Does not change the result."""
    threads: int = Field(default=1, ge=1)
    """Threads; another number may move the last bits."""
