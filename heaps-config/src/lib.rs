//! The heap policy: its JSON schema, validation, and what the service loads.
