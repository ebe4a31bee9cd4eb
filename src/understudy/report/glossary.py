"""The words of a report, each explained in a sentence or two."""

from __future__ import annotations

WORDS = {
    "Teacher": "The large model that is imitated.",
    "Student": "The small model that learned from the teacher's answers.",
    "Control": "The same small model, trained on the same rows for as long, without the teacher. "
    "What the student has over it is what the teacher added.",
    "Rival": "A simple model that needs no teacher: what one would otherwise use at this size.",
    "Artefact": "The student as a file that ships, scored by the runtime that will run it.",
    "Quality kept": "The model's quality divided by the teacher's.",
    "Recovered gap": "How much of the way from control to teacher the student went: 0% is the "
    "control, 100% the teacher. Not defined where the teacher is not measurably better than the "
    "control, since there is then no way to go.",
    "95% interval": "Where the figure would lie in 95 of 100 test sets like this one, by "
    "resampling its rows (bootstrap). Models are compared on the same resampled rows.",
    "p": "The probability of a difference at least this large if both models were equally good "
    "(McNemar's test; where a row has not just one class, the shared resamples). Below 0.05 it is "
    "hardly chance.",
    "nDCG@10": "How much of what is relevant stands how high among a query's first ten documents "
    "(normalised discounted cumulative gain); 1 is the best order.",
    "MRR@10": "One over the place of the first relevant document, or 0 where it is not among ten; "
    "the mean over queries.",
    "Recall": "Share of a query's relevant documents that are among its first ten, or hundred.",
    "Spearman correlation": "How well the order of the model's cosines is that of the given "
    "scores, from -1 to 1; 1 is the same order.",
    "Neighbour overlap": "Share of a text's ten nearest that are among the teacher's ten nearest "
    "too, each model in its own space.",
    "Drop-in overlap": "The same for the model's vectors among the teacher's: how well it searches "
    "an index that the teacher made; where its vectors have other dimensions, an index of the "
    "teacher's vectors brought into them.",
    "Cosine": "Between the model's vector of a text and the teacher's; 1 is the same direction. "
    "One text in twenty lies below the small figure.",
    "Right": "Of a query: something relevant is among its first ten documents.",
    "Exact match": "Share of rows of which the whole set of classes is right, none too few and "
    "none too many. An answer counts as right, a flip or an error by it.",
    "Ranking precision": "How far a row's classes stand ahead of all others by their "
    "probabilities, whatever the threshold (label ranking average precision); 1 is always.",
    "Out-of-scope AUROC": "How well confidence tells inputs of no known class from the others; 1 "
    "is always, 0.5 is chance.",
    "Out-of-scope recall": "Share of the inputs of no known class that are told as such, by a "
    "threshold on confidence that keeps 95% of the others.",
    "Agreement": "Share of rows on which the model gives the teacher's answer, right or wrong.",
    "Harmful flip": "The teacher is right and the model is wrong.",
    "Helpful flip": "The teacher is wrong and the model is right.",
    "Inherited error": "The teacher is wrong and the model gives the same wrong answer. Compare it "
    "with the control's, which never saw the teacher.",
    "KL": "How far the model's probabilities are from the teacher's, in nats; 0 is identical.",
    "ECE": "Expected calibration error: how far confidence is from accuracy, on average, over 15 "
    "bins of equally many rows. 0 is honest.",
    "Brier": "Mean squared distance between confidence and being right; lower is better.",
    "Latency": "Time to answer one row: p50 is the median, 95% of answers come within p95.",
    "Throughput": "Rows answered in a second at the best batch size.",
    "Memory": "By how much loading the model and answering one batch raise peak memory.",
    "Cost": "What a million answers cost at the stated price of an hour of the machine.",
}


def explained(*words: str) -> dict[str, str]:
    """Words with their explanations, in this order."""
    return {word: WORDS[word] for word in words}
