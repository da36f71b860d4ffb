"""Who a person is, and who may know: keys, encrypted identities, erasure, and the audit log."""
