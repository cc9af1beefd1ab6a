-- Why a request was refused, in a word (ledger/refusal.rs). NULL: it was not.
ALTER TABLE request_details ADD COLUMN refusal TEXT;

-- Requests of more than one attempt are found by it from now on; so are those of before. `at` is in milliseconds.
INSERT INTO seen (facet, value, slot, requests)
    SELECT 'again', '1', at / 600000, COUNT(*) FROM requests WHERE attempts > 1 GROUP BY at / 600000;
