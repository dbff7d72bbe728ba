# SPDX-License-Identifier: Apache-2.0
"""How well a classifier tells our draws from the reference posterior's, as the benchmark sbibm measures it:

    python3 c2st.py posterior.h5 TASK.h5 [--observations 10] [--draws 10000]

posterior.h5 is what `infermill infer` wrote for the ten observations of TASK.h5 (`reference_posterior` (10, 10000, d)).
C2ST is the accuracy of an MLP (two hidden layers of 10 d, relu, Adam) in 5-fold cross-validation on as many draws of each,
standardised by the reference: 0.5 is perfect, 1 is disjoint. One line an observation; the last line is the mean over
observations and its standard error. Needs h5py and scikit-learn.
"""
import argparse

import h5py
import numpy as np
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier


def c2st(reference, draws, seed):
    mean, sd = reference.mean(0), reference.std(0, ddof=1)
    x = (np.concatenate([reference, draws]) - mean) / sd
    y = np.repeat([0, 1], [len(reference), len(draws)])
    width = 10 * x.shape[1]
    classifier = MLPClassifier((width, width), activation="relu", solver="adam", max_iter=10000, random_state=seed)
    folds = KFold(n_splits=5, shuffle=True, random_state=seed)
    return cross_val_score(classifier, x, y, cv=folds, scoring="accuracy").mean()


def our_draws(file, observation, names):
    return np.stack([file[f"posterior/{name}"][observation].ravel() for name in names], 1)


def parameters(file):
    return [name for name in file["summary"] if isinstance(file["summary"][name], h5py.Group)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("posterior")
    parser.add_argument("task")
    parser.add_argument("--observations", type=int, default=10)
    parser.add_argument("--draws", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    ours, reference = h5py.File(args.posterior), h5py.File(args.task)["reference_posterior"]
    names, scores = parameters(ours), []
    for observation in range(args.observations):
        draws = our_draws(ours, observation, names)[: args.draws]
        if len(draws) < args.draws or not np.isfinite(draws).all():
            raise SystemExit(f"{args.posterior}: observation {observation} has not {args.draws} draws")
        scores.append(c2st(reference[observation][: args.draws].astype(float), draws, args.seed))
        print(f"observation {observation + 1}: {scores[-1]:.4f}", flush=True)
    se = np.std(scores, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.nan
    print(f"c2st {np.mean(scores):.4f} {se:.4f}")


if __name__ == "__main__":
    main()
