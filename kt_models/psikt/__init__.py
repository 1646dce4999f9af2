"""PSI-KT: a Bayesian learner model that forgets in continuous time, with traits and a prerequisite graph."""
