// What the figures of an evaluation are called.

const NAMES = {
  precision: "Precision@",
  recall: "Recall@",
  f1: "F1@",
  hit: "Hit rate@",
  ndcg: "NDCG@",
  hits: "Hits@",
  mrr: "MRR",
  mean_rank: "Mean rank (lower is better)",
  users: "Users measured",
  triples: "Facts measured",
};

/** Name a figure; `topN` is how long the measured lists were. */
export function metricName(metric, topN) {
  const name = NAMES[metric] ?? metric.replace(/[._]/g, " ");
  return name.endsWith("@") ? name + (topN ?? "N") : name;
}
