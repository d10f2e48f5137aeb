"""Every command: its function, its line of help and two examples, by its name."""

from __future__ import annotations

_CAPTIONS = "examples/captions/hypotheses.json examples/captions/references.json"

COMMANDS: dict[str, tuple[str, str, tuple[str, str]]] = {
    "demo": (
        "pix2cap.cli.demo:demo",
        "Caption a built-in sample and show it in one page.",
        ("pix2cap demo", "pix2cap demo --out my-demo"),
    ),
    "report": (
        "pix2cap.cli.report:report",
        "Show a dataset, or compare scores, in one page.",
        (
            "pix2cap report demo/dataset",
            "pix2cap report demo/dataset --out page.html --images demo/sample/images",
        ),
    ),
    "annotate plan": (
        "pix2cap.cli.annotate_plan:plan",
        "Count requests, tokens and cost first.",
        (
            "pix2cap annotate plan demo/sample --model openai:gpt-4o",
            "pix2cap annotate plan demo/sample --limit 2 --format json",
        ),
    ),
    "annotate preview": (
        "pix2cap.cli.annotate_preview:preview",
        "See what one image would send; send nothing.",
        (
            "pix2cap annotate preview demo/sample --image-id 1 --out preview",
            "pix2cap annotate preview demo/sample --image-id 2 --out preview --max-marks 6",
        ),
    ),
    "annotate run": (
        "pix2cap.cli.annotate_run:run",
        "Caption every segment, or go on doing so.",
        (
            "pix2cap annotate run demo/sample --out run",
            "pix2cap annotate run demo/sample --out run --limit 3 --format json",
        ),
    ),
    "annotate status": (
        "pix2cap.cli.annotate_status:status",
        "What became of every segment.",
        ("pix2cap annotate status demo/run", "pix2cap annotate status demo/run --format json"),
    ),
    "annotate export": (
        "pix2cap.cli.annotate_export:export",
        "Write the dataset folder.",
        (
            "pix2cap annotate export demo/run --out dataset",
            "pix2cap annotate export demo/run --out dataset --copy-images --overwrite",
        ),
    ),
    "annotate sample": (
        "pix2cap.cli.annotate_sample:sample",
        "Freeze a stratified sample for people to verify.",
        (
            "pix2cap annotate sample demo/run --per-stratum 2",
            "pix2cap annotate sample demo/run --per-stratum 5 --by size,attempt --raters 2 --overlap 0.2"
            " --name second",
        ),
    ),
    "annotate to-label-studio": (
        "pix2cap.cli.annotate_to_label_studio:to_label_studio",
        "Write a sample as tasks for Label Studio.",
        (
            "pix2cap annotate to-label-studio demo/run --sample verify --out tasks.json",
            "pix2cap annotate to-label-studio demo/run --sample verify --out tasks.json"
            " --pictures-url http://localhost:8000/tasks-pictures",
        ),
    ),
    "annotate from-label-studio": (
        "pix2cap.cli.annotate_from_label_studio:from_label_studio",
        "Take verdicts over from Label Studio's export.",
        (
            "pix2cap annotate from-label-studio demo/run export.json",
            "pix2cap annotate from-label-studio demo/run export.json --format json",
        ),
    ),
    "review": (
        "pix2cap.cli.review:review",
        "See, correct and verify captions in the browser.",
        ("pix2cap review demo/run", "pix2cap review demo/dataset --port 0 --no-browser"),
    ),
    "dataset generate": (
        "pix2cap.cli.dataset_generate:generate",
        "Render scenes with true captions.",
        (
            "pix2cap dataset generate --out scenes --images 20 --size 128x128",
            "pix2cap dataset generate --out scenes --images 4 --seed 7 --format json",
        ),
    ),
    "dataset validate": (
        "pix2cap.cli.dataset_validate:validate",
        "List everything that is inconsistent.",
        (
            "pix2cap dataset validate demo/sample --images demo/sample/images",
            "pix2cap dataset validate demo/dataset --format json",
        ),
    ),
    "dataset stats": (
        "pix2cap.cli.dataset_stats:stats",
        "Figures of captioned datasets, and the paper's beside them.",
        (
            "pix2cap dataset stats demo/dataset --html stats.html",
            "pix2cap dataset stats demo/dataset --tag-share 0 --format json",
        ),
    ),
    "dataset merge": (
        "pix2cap.cli.dataset_merge:merge",
        "Write several datasets as one.",
        (
            "pix2cap dataset merge demo/dataset demo/dataset --out both",
            "pix2cap dataset merge demo/dataset demo/dataset --out both --prefer last --copy-images",
        ),
    ),
    "dataset split": (
        "pix2cap.cli.dataset_split:split",
        "Write parts that share no image.",
        (
            "pix2cap dataset split demo/dataset --out parts",
            "pix2cap dataset split demo/dataset --out halves --shares a=0.5,b=0.5 --stratify",
        ),
    ),
    "dataset filter": (
        "pix2cap.cli.dataset_filter:filter",
        "Write the segments that meet conditions.",
        (
            "pix2cap dataset filter demo/dataset --status captioned --min-words 12 --out longer",
            "pix2cap dataset filter demo/dataset --class cat --class cup --keep-masks --out cats",
        ),
    ),
    "dataset diff": (
        "pix2cap.cli.dataset_diff:diff",
        "List what differs between two datasets.",
        (
            "pix2cap dataset diff demo/dataset demo/dataset",
            "pix2cap dataset diff demo/dataset demo/dataset --html diff.html --format json",
        ),
    ),
    "dataset check": (
        "pix2cap.cli.dataset_check:check",
        "List captions that are probably not true.",
        (
            "pix2cap dataset check demo/dataset --images demo/sample/images",
            "pix2cap dataset check demo/dataset --checks mark_talk cut --format json",
        ),
    ),
    "dataset agreement": (
        "pix2cap.cli.dataset_agreement:agreement",
        "What verified captions come to, and how far people agree.",
        (
            "pix2cap dataset agreement demo/run --sample verify",
            "pix2cap dataset agreement demo/run --sample verify --format json",
        ),
    ),
    "dataset convert": (
        "pix2cap.cli.dataset_convert:convert",
        "Write a dataset in another format.",
        (
            "pix2cap dataset convert demo/dataset --to parquet --out hub",
            "pix2cap dataset convert hub --to llava --out talks --format json",
        ),
    ),
    "dataset card": (
        "pix2cap.cli.dataset_card:card",
        "Describe a dataset for those who find it.",
        (
            "pix2cap dataset convert demo/dataset --to parquet --out hub",
            "pix2cap dataset card hub --license cc-by-4.0 --format json",
        ),
    ),
    "dataset push": (
        "pix2cap.cli.dataset_push:push",
        "Send a described dataset to a hub.",
        (
            "pix2cap dataset push demo/dataset me/captions --dry-run",
            "pix2cap dataset push demo/dataset me/captions --revision v1 --dry-run --format json",
        ),
    ),
    "train": (
        "pix2cap.cli.train:train",
        "Train the baseline model on captioned segments.",
        (
            "pix2cap train configs/tiny_scenes.toml --out run",
            "pix2cap train configs/focal_t.toml --out run --set optim.batch=16",
        ),
    ),
    "predict": (
        "pix2cap.cli.predict:predict",
        "Segment and caption pictures with trained weights.",
        (
            "pix2cap predict photos --weights weights --out predictions",
            "pix2cap predict 'photos/**/*.jpg' --weights weights --out predictions --limit 10",
        ),
    ),
    "score": (
        "pix2cap.cli.score:score",
        "Score predicted segments and their captions.",
        (
            "pix2cap score demo/dataset demo/dataset",
            "pix2cap score demo/dataset demo/dataset --metrics rouge_l --out scores.json",
        ),
    ),
    "caption-score": (
        "pix2cap.cli.caption_score:caption_score",
        "Score captions against reference captions.",
        (
            f"pix2cap caption-score {_CAPTIONS}",
            f"pix2cap caption-score {_CAPTIONS} --metrics cider,spice --format json",
        ),
    ),
    "bench vipbench": (
        "pix2cap.cli.bench_vipbench:vipbench",
        "ViP-Bench: answers about marked regions, graded by a judge.",
        (
            "pix2cap bench vipbench ViP-Bench --prompts bbox --model openai:gpt-4o --judge openai:gpt-4o"
            " --max-cost 10 --out vip",
            "pix2cap bench vipbench ViP-Bench --grades vip/grades.json --format json",
        ),
    ),
    "bench vg": (
        "pix2cap.cli.bench_vg:vg",
        "Score region captions on Visual Genome.",
        (
            "pix2cap bench vg region_descriptions.json --split all-regions --predictions captions.json",
            "pix2cap bench vg region_descriptions.json --split one-per-image --image-list test.txt"
            " --model openai:gpt-4o --images VG --run run --max-cost 5 --out vg.json",
        ),
    ),
    "bench dlc": (
        "pix2cap.cli.bench_dlc:dlc",
        "DLC-Bench: descriptions of regions, checked by a judge.",
        (
            "pix2cap bench dlc qa.json --predictions descriptions.json --judge openai:gpt-4o --max-cost 5"
            " --out dlc",
            "pix2cap bench dlc --replay judgements.json --format json",
        ),
    ),
    "bench compare": (
        "pix2cap.cli.bench_compare:compare",
        "Before and after: compare two results.",
        (
            "pix2cap bench compare before.json after.json",
            "pix2cap bench compare before.json after.json --images VG --out compare.html",
        ),
    ),
    "weights inspect": (
        "pix2cap.cli.weights_inspect:inspect",
        "Tell what a file of weights is and what it lacks.",
        (
            "pix2cap weights inspect xdecoder_focall_last.pt",
            "pix2cap weights inspect weights --format json",
        ),
    ),
    "weights convert": (
        "pix2cap.cli.weights_convert:convert",
        "Turn published weights into a folder of weights.",
        (
            "pix2cap weights convert pix2cap.pt --out weights --clip-bpe bpe_simple_vocab_16e6.txt.gz"
            " --bert-vocab vocab.txt",
            "pix2cap weights convert xdecoder_focall_last.pt --out start --text-decoder grit_b_densecap.pth"
            " --allow-missing",
        ),
    ),
    "sft export": (
        "pix2cap.cli.sft_export:export",
        "Write region captions for a trainer of multimodal models.",
        (
            "pix2cap sft export demo/dataset --to trl --out rows",
            "pix2cap sft export demo/dataset --to messages --split 0.2 --out rows --overwrite",
        ),
    ),
    "sft train": (
        "pix2cap.cli.sft_train:train",
        "Tune a large multimodal model on region captions.",
        (
            "pix2cap sft train configs/sft_tiny.toml --out tuned",
            "pix2cap sft train configs/sft_gpt4roi_7b.toml --out tuned --set data.train=dataset",
        ),
    ),
    "sft caption": (
        "pix2cap.cli.sft_caption:caption",
        "Caption every segment with a tuned model.",
        (
            "pix2cap sft caption scenes/val --model tuned/model --out predictions",
            "pix2cap sft caption dataset --model tuned/model --out predictions --precision bf16 --limit 10",
        ),
    ),
    "doctor": (
        "pix2cap.cli.doctor:doctor",
        "Show what works on this machine, and how to get the rest.",
        ("pix2cap doctor", "pix2cap doctor --need meteor,spice --format json"),
    ),
}
"""Command to its function (imported when it is called), its line of help, and two examples that work."""

GROUPS = {
    "annotate": (
        "Caption the segments of your images.",
        ("pix2cap annotate plan demo/sample", "pix2cap annotate run demo/sample --out run"),
    ),
    "dataset": (
        "Work on whole datasets.",
        ("pix2cap dataset validate demo/sample", "pix2cap dataset validate demo/dataset --format json"),
    ),
    "sft": (
        "Fine-tune large multimodal models on region captions.",
        (
            "pix2cap sft export demo/dataset --to trl --out rows",
            "pix2cap sft export demo/dataset --to marked --out rows --overwrite",
        ),
    ),
    "bench": (
        "Measure models on published benchmarks of regions.",
        (
            "pix2cap bench vipbench ViP-Bench --grades grades.json",
            "pix2cap bench vipbench ViP-Bench --predictions answers.json --judge openai:gpt-4o --out vip",
        ),
    ),
    "weights": (
        "Look into published weights and take them over.",
        ("pix2cap weights inspect pix2cap.pt", "pix2cap weights convert pix2cap.pt --out weights"),
    ),
}
"""Group to its line of help, and two examples that work."""
