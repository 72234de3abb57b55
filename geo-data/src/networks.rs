//! Client networks of a place, found in whatever database is in use.
