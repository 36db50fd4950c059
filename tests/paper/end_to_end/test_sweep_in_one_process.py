"""A sweep whose runs share a process leaves what each run leaves in a process of its own."""

import json

import torch

from regrep_paper.cli import main

SWEEP = """
experiment: ddmnist
fixed: {group: D1, classes: 2, train_pairs: 10, validation_pairs: 5, test_pairs: 5, batch_size: 16, epochs: 2,
        precision: 32-true}
grid: {method: [ours-whitened], seed: [0, 1]}
"""


def test_a_run_after_another_is_that_of_a_process_of_its_own(tmp_path, capfd):
    file, out = tmp_path / "small.yaml", tmp_path / "sweep"
    file.write_text(SWEEP)
    assert main(["sweep", str(file), f"--out={out}"]) == 0
    assert "2/2 " in capfd.readouterr().out
    assert main(["sweep", str(file), f"--out={out}"]) == 0
    assert capfd.readouterr().out == "2 of 2 runs were already finished\n"
    assert main(["sweep", str(file), f"--out={out}", "--set", "seed=[0, 1, 2]", "--dry-run"]) == 0
    assert "2 finished, 1 to do" in capfd.readouterr().out
    first, second = sorted(out.glob("ddmnist*"), key=lambda folder: "-s1-" in folder.name)
    assert [line.split()[0] for line in (second / "log.txt").read_text().splitlines()] == ["epoch", "epoch", "test"]
    alone = tmp_path / "alone"
    assert main(["fit", "ddmnist", f"--settings={second / 'run.json'}", f"--out={alone}"]) == 0
    saved = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for folder in (second, alone)
    ]
    assert all(torch.equal(value, saved[1][name]) for name, value in saved[0].items())
    records = [json.loads((folder / "done.json").read_text()) for folder in (first, second, alone)]
    for record in records:
        del record["seconds"], record["cpu_seconds"]
    assert records[0] != records[1] == records[2]
