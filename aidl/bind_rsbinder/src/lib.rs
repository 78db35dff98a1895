//! IAllocator V2 and all it imports, generated for rsbinder.
