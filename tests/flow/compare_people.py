"""compare_people.py posterior.h5 reference.csv [each]: posterior means and sds of each person against the reference's
(columns id, parameter, mean, sd, mle). Prints the table; exit 1 when the typical person is off, or with `each` when anybody
is: see reaction_times.sh."""
import csv
import sys

import h5py
import numpy as np

file, reference = h5py.File(sys.argv[1]), {}
for row in csv.DictReader(open(sys.argv[2])):
    reference[row["id"], row["parameter"]] = row
parameters = list(dict.fromkeys(parameter for _, parameter in reference))
ids = [i.decode() if isinstance(i, bytes) else str(i) for i in file["posterior/dataset"][()]]

print(f"{'person':8}" + "".join(f"{p + ':':>6} mean ratio  {'MLE':>7}" for p in parameters))
off, ratio = np.zeros((len(ids), len(parameters))), np.zeros((len(ids), len(parameters)))
for i, person in enumerate(ids):
    line = f"{person:8}"
    for j, parameter in enumerate(parameters):
        draws, truth = file[f"posterior/{parameter}"][i].ravel(), reference[person, parameter]
        off[i, j] = (draws.mean() - float(truth["mean"])) / float(truth["sd"])
        ratio[i, j] = draws.std(ddof=1) / float(truth["sd"])
        line += f"{off[i, j]:11.2f} {ratio[i, j]:5.2f}  {float(truth['mle']):7.3f}"
    print(line)
rms, median = np.sqrt((off**2).mean(0)), np.median(ratio, 0)
typical = np.median(np.abs(off), 0)
inside = (np.abs(off) <= 0.25) & (ratio >= 0.8) & (ratio <= 1.25)
print("(mean - reference) / sd: root mean square", np.round(rms, 2), "median", np.round(typical, 2),
      " median ratio of sds:", np.round(median, 2))
print(f"{inside.sum()} of {inside.size} within 0.25 sd and a ratio of 0.8 to 1.25")
if sys.argv[3:] == ["each"]:
    print(f"largest difference of means {np.abs(off).max():.3f} sd, of sds {np.abs(ratio - 1).max():.1%}")
    sys.exit(not (np.abs(off).max() <= 0.1 and np.abs(ratio - 1).max() <= 0.1))
sys.exit(not (typical.max() <= 0.25 and median.min() >= 0.8 and median.max() <= 1.25))
