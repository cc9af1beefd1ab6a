-- Which key has sealed the secrets of `objects`: its id, as sealed text begins with it. One row at most.

CREATE TABLE seals (
    name TEXT {bytewise} NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL
) {clustered};
