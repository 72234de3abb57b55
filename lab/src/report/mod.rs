//! The report of a run: terminal and JSON. It knows nothing of scenarios and drivers.
