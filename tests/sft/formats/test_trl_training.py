"""TRL itself: `SFTTrainer` takes the exports as they are, and loss falls on answers only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sft.formats.conftest import Exporter

pytest.importorskip("trl")
# These libraries warn of each other's deprecations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {% for part in message.content %}"
    "{% if part.type == 'image' %}<image>\n{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{% if message.role == 'assistant' %}</s>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def small_processor(texts: list[str]) -> Any:
    """A LLaVA processor for pictures of 28 x 28 with a byte-level tokenizer trained on the texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import CLIPImageProcessorPil, LlavaProcessor, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    fast.image_token, fast.image_token_id = "<image>", fast.convert_tokens_to_ids("<image>")
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    return LlavaProcessor(
        pictures,
        fast,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=_TEMPLATE,
        num_additional_image_tokens=1,
    )


def small_model(processor: Any) -> Any:
    """A LLaVA of two small layers a tower, from a configuration."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    width = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**width, image_size=28, patch_size=14, projection_dim=16),
        text_config=LlamaConfig(
            **width, vocab_size=len(processor.tokenizer), num_key_value_heads=2, pad_token_id=0
        ),
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    return LlavaForConditionalGeneration(config)


def small_trainer(rows: Any, out: Path) -> Any:
    """An `SFTTrainer` for two steps."""
    from trl import SFTConfig, SFTTrainer

    said = [message["content"] for row in rows for message in row["prompt"] + row["completion"]]
    processor = small_processor(said)
    arguments = SFTConfig(
        output_dir=str(out),
        max_length=None,  # Cutting a sequence would cut picture tokens.
        max_steps=2,
        per_device_train_batch_size=2,
        learning_rate=0.01,
        report_to=[],
        use_cpu=True,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
    )
    model = small_model(processor)
    return SFTTrainer(model=model, args=arguments, train_dataset=rows, processing_class=processor)


@pytest.mark.parametrize("to", ["trl", "marked"])
def test_loss_falls_on_answers_only(
    exported: Exporter, load: Callable[..., Any], tmp_path: Path, to: str
) -> None:
    rows = load(str(exported(to, rows="both", limit=1)))["train"]
    trainer = small_trainer(rows, tmp_path / "trained")
    tokenizer = trainer.processing_class.tokenizer
    # A row of one turn and the last row of a conversation.
    chosen = [rows[0], rows[len(rows) - 1]]
    assert len(chosen[0]["prompt"]) == 1 and len(chosen[1]["prompt"]) > 4
    batch = trainer.data_collator([dict(row) for row in chosen])
    for labels, ids, row in zip(batch["labels"], batch["input_ids"], chosen, strict=True):
        (answer,) = (message["content"] for message in row["completion"])
        learnt = labels[labels != -100]
        # The answer and the token that ends it.
        expected = tokenizer(f"{answer}</s>", add_special_tokens=False)["input_ids"]
        assert learnt.tolist() == expected
        asked = tokenizer.decode(ids[labels == -100])
        assert row["prompt"][0]["content"] in asked and asked.count("<image>") == 4
    assert batch["pixel_values"].shape == (2, 3, 28, 28)


def test_a_step_is_taken_on_an_export_as_it_is(
    exported: Exporter, load: Callable[..., Any], tmp_path: Path
) -> None:
    import torch

    rows = load(str(exported("trl", rows="segment")))["train"]
    trainer = small_trainer(rows, tmp_path / "trained")
    head = trainer.model.get_output_embeddings().weight
    before = head.detach().clone()
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2 and all(0 < float(loss) < 20 for loss in losses)
    assert not torch.equal(before, head)
