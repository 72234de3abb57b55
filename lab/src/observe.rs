//! What was seen of one request, from outside: by the client and by the origin.
