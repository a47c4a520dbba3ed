//! The JSON Schema and the reference of a spec, made from the tables that validate it.
