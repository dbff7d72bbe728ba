# bank_h5py.py SHARD: somebody who has one shard and h5py, and nothing else, finds out what it is.
import sys

import h5py

with h5py.File(sys.argv[1]) as shard:
    text = {name: value.decode() for name, value in shard.attrs.items() if hasattr(value, "decode")}
    number = {name: int(value) for name, value in shard.attrs.items() if not hasattr(value, "decode")}
    for name in ("format", "seed", "shard", "shard_rows"):
        assert name in number, name
    for name in ("model", "fingerprint", "software", "cpu", "libm", "status_names", "description"):
        assert text.get(name), name
    for group in ("parameters", "observables", "design", "length", "row"):
        assert group not in shard or "/%s" % group in text["description"], group
    meaning = dict(word.split(" ", 1) for word in text["status_names"].split(", "))
    assert meaning["1"] == "done", meaning
    rows = number["shard"] * number["shard_rows"]
    for i, row in enumerate(shard["row/index"][...]):
        assert row == rows + i
        assert str(shard["row/status"][i]) in meaning
    for group in ("parameters", "observables", "design"):
        for name in shard.get(group, ()):
            assert "name: %s\n" % name in text["model"] or 'name: "%s"\n' % name in text["model"], name
            assert len(shard[group][name]) == len(shard["row/index"])
    for line, unit in zip(text["model"].splitlines(), text["model"].splitlines()[1:]):
        if "- name: " in line and unit.strip().startswith("unit: "):
            name = line.split("name: ")[1].strip('"')
            item = next(shard[g][name] for g in ("parameters", "observables", "design") if name in shard.get(g, ()))
            assert item.attrs["unit"].decode() == unit.split("unit: ")[1].strip('"'), name
