//! Figures, folded from observations as they come; memory does not grow with the number of requests.
