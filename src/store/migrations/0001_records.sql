-- What finished requests leave behind. `{bytewise}` and `{clustered}` are the dialect's (dialect.rs).

-- What rows are found by and what a page of them shows: narrow, so that a scan of ten minutes or of a day is short.
-- Ordered by the id, which begins with the time of its making. Times in microseconds, `at` in milliseconds since the
-- Unix epoch, `cost` in 10^-9 USD. NULL is "not known", or "there was none".
CREATE TABLE requests (
    id TEXT {bytewise} NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    client_key TEXT, tenant TEXT, model TEXT,
    -- Of the attempt that has answered, else of the last one.
    provider TEXT, endpoint TEXT,
    status BIGINT NOT NULL,
    ending TEXT NOT NULL,
    format TEXT,
    stream BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    failover BOOLEAN NOT NULL,
    losses BOOLEAN NOT NULL,
    first_us BIGINT,
    total_us BIGINT NOT NULL,
    input BIGINT, cache_read BIGINT, cache_write BIGINT, output BIGINT, reasoning BIGINT,
    audio_input BIGINT, audio_output BIGINT,
    estimated BOOLEAN NOT NULL,
    cost BIGINT
) {clustered};

-- The rest of a row, read for the rows of a page alone.
CREATE TABLE request_details (
    id TEXT {bytewise} NOT NULL PRIMARY KEY,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    client TEXT,
    route TEXT,
    asked_model TEXT,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    dropped TEXT,
    limited TEXT,
    -- JSON, see row.rs.
    attempted TEXT NOT NULL,
    candidates TEXT NOT NULL
) {clustered};

-- What requests and answers said, where that is kept: compressed with zstd (RFC 8878).
CREATE TABLE request_bodies (
    id TEXT {bytewise} NOT NULL PRIMARY KEY,
    request {bytes} NOT NULL,
    response {bytes} NOT NULL,
    -- There was more than is kept.
    request_cut BOOLEAN NOT NULL,
    response_cut BOOLEAN NOT NULL
);

-- Attempts with each key of a provider: sums of an hour. `status` is 0 where the vendor has sent none, `key` is how the
-- key is shown, '' where none of ours was used. An attempt that we ended ourselves is neither ok nor failed. `last_at`
-- is milliseconds since the epoch.
CREATE TABLE key_sums (
    hour BIGINT NOT NULL,
    provider TEXT {bytewise} NOT NULL,
    key TEXT {bytewise} NOT NULL,
    status BIGINT NOT NULL,
    attempts BIGINT NOT NULL, ok BIGINT NOT NULL, failed BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (hour, provider, key, status)
) {clustered};

-- How often a value was seen in ten minutes: where to look for a rare one. `slot` is seconds since the epoch / 600.
CREATE TABLE seen (
    facet TEXT {bytewise} NOT NULL,
    value TEXT {bytewise} NOT NULL,
    slot BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (facet, value, slot)
) {clustered};

-- Statistics: sums of an hour (seconds since the epoch / 3600). '' stands for no name. An attempt that was passed over
-- for another stands in its own endpoint's row, with what it cost, with no request and with the status 0. `first_N` and `total_N` count
-- requests whose first content and whole answer took so long (histogram.rs).
CREATE TABLE rollups (
    hour BIGINT NOT NULL,
    model TEXT {bytewise} NOT NULL,
    provider TEXT {bytewise} NOT NULL,
    endpoint TEXT {bytewise} NOT NULL,
    client_key TEXT {bytewise} NOT NULL,
    tenant TEXT {bytewise} NOT NULL,
    outcome TEXT {bytewise} NOT NULL,
    status BIGINT NOT NULL,
    requests BIGINT NOT NULL, errors BIGINT NOT NULL,
    attempts BIGINT NOT NULL, failed_attempts BIGINT NOT NULL,
    input BIGINT NOT NULL, cache_read BIGINT NOT NULL, cache_write BIGINT NOT NULL,
    output BIGINT NOT NULL, reasoning BIGINT NOT NULL,
    audio_input BIGINT NOT NULL, audio_output BIGINT NOT NULL,
    cost BIGINT NOT NULL, unpriced BIGINT NOT NULL,
    first_0 BIGINT NOT NULL, first_1 BIGINT NOT NULL, first_2 BIGINT NOT NULL, first_3 BIGINT NOT NULL, first_4 BIGINT NOT NULL, first_5 BIGINT NOT NULL,
    first_6 BIGINT NOT NULL, first_7 BIGINT NOT NULL, first_8 BIGINT NOT NULL, first_9 BIGINT NOT NULL, first_10 BIGINT NOT NULL, first_11 BIGINT NOT NULL,
    first_12 BIGINT NOT NULL, first_13 BIGINT NOT NULL, first_14 BIGINT NOT NULL, first_15 BIGINT NOT NULL, first_16 BIGINT NOT NULL, first_17 BIGINT NOT NULL,
    first_18 BIGINT NOT NULL, first_19 BIGINT NOT NULL, first_20 BIGINT NOT NULL, first_21 BIGINT NOT NULL, first_22 BIGINT NOT NULL, first_23 BIGINT NOT NULL,
    total_0 BIGINT NOT NULL, total_1 BIGINT NOT NULL, total_2 BIGINT NOT NULL, total_3 BIGINT NOT NULL, total_4 BIGINT NOT NULL, total_5 BIGINT NOT NULL,
    total_6 BIGINT NOT NULL, total_7 BIGINT NOT NULL, total_8 BIGINT NOT NULL, total_9 BIGINT NOT NULL, total_10 BIGINT NOT NULL, total_11 BIGINT NOT NULL,
    total_12 BIGINT NOT NULL, total_13 BIGINT NOT NULL, total_14 BIGINT NOT NULL, total_15 BIGINT NOT NULL, total_16 BIGINT NOT NULL, total_17 BIGINT NOT NULL,
    total_18 BIGINT NOT NULL, total_19 BIGINT NOT NULL, total_20 BIGINT NOT NULL, total_21 BIGINT NOT NULL, total_22 BIGINT NOT NULL, total_23 BIGINT NOT NULL,
    PRIMARY KEY (hour, model, provider, endpoint, client_key, tenant, outcome, status)
) {clustered};
