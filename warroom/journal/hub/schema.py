"""The hub's tables and functions in Postgres (12 or newer), as ``warroom hub init`` creates them.

Members have no right to the tables: they call functions, which run with the rights of their owner. A position is
given while the row ``head`` is locked, in one call that needs no further round trip: positions have no gaps, and a
smaller one is never committed after a larger one was read.
"""

from __future__ import annotations

from warroom.journal.hub.port import BATCH_BYTES, BATCH_ENTRIES, LARGEST_ENTRY, SCHEMA

MEMBER = "warroom_member"
"""The role whose members may call the functions."""

SCRUBBED = "scrubbed"
"""The kind of the entry that removes the words of others."""

CHANNEL = "warroom"
"""The channel of NOTIFY."""

# The functions that members call. Each is created with these options: it runs as its owner, and finds nothing
# that a member could put in the way.
_AS_OWNER = "SECURITY DEFINER SET search_path = warroom, pg_temp"

TABLES = f"""
CREATE SCHEMA IF NOT EXISTS warroom;
REVOKE ALL ON SCHEMA warroom FROM PUBLIC;
CREATE TABLE IF NOT EXISTS warroom.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema int NOT NULL,
    epoch uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE TABLE IF NOT EXISTS warroom.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    pos bigint NOT NULL,
    number int NOT NULL,
    chain text NOT NULL
);
CREATE TABLE IF NOT EXISTS warroom.device (
    id uuid PRIMARY KEY,
    letter text NOT NULL UNIQUE,
    name text NOT NULL,
    app text NOT NULL,
    role text NOT NULL DEFAULT session_user,
    last_seen timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS warroom.stream (
    id uuid PRIMARY KEY,
    label text NOT NULL UNIQUE,
    number int UNIQUE
);
CREATE TABLE IF NOT EXISTS warroom.entry (
    pos bigint PRIMARY KEY,
    id uuid NOT NULL,
    device uuid NOT NULL,
    device_seq bigint NOT NULL,
    stream uuid NOT NULL REFERENCES warroom.stream,
    at bigint NOT NULL,
    by text NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    seen bigint,
    orders text NOT NULL,
    v int NOT NULL,
    chain text NOT NULL,
    role text NOT NULL DEFAULT session_user,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (stream, id),
    CHECK (octet_length(body) + octet_length(orders) + octet_length(by) + 200 <= {LARGEST_ENTRY})
);
CREATE TABLE IF NOT EXISTS warroom.lease (
    name text PRIMARY KEY,
    session text NOT NULL,
    until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS warroom.presence (
    device uuid NOT NULL,
    session text NOT NULL,
    stream uuid NOT NULL,
    text text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (device, session)
);
INSERT INTO warroom.meta (schema) VALUES ({SCHEMA}) ON CONFLICT DO NOTHING;
INSERT INTO warroom.head (pos, number, chain) VALUES (0, 0, '') ON CONFLICT DO NOTHING;
"""

FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION warroom.version() RETURNS int LANGUAGE sql {_AS_OWNER} AS
$$ SELECT schema FROM meta $$;

CREATE OR REPLACE FUNCTION warroom.hello(
    device_id uuid, device_name text, device_app text, highest int,
    OUT epoch uuid, OUT letter text, OUT head bigint, OUT now timestamptz
) LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE count int;
BEGIN
    -- The lock is what makes letters unique and the number the highest when several laptops connect at once.
    UPDATE head h SET number = greatest(number, highest) RETURNING h.pos INTO head;
    SELECT d.letter INTO letter FROM device d WHERE id = device_id;
    IF letter IS NULL THEN
        SELECT count(*) INTO count FROM device;
        -- a to z, then aa, ab, …
        letter := CASE WHEN count < 26 THEN chr(97 + count)
                  ELSE chr(96 + count / 26) || chr(97 + count % 26) END;
        INSERT INTO device (id, letter, name, app) VALUES (device_id, hello.letter, left(device_name, 80),
        left(device_app, 40));
    ELSE
        UPDATE device d SET name = left(device_name, 80), app = left(device_app, 40), role = session_user,
            last_seen = clock_timestamp() WHERE id = device_id;
    END IF;
    SELECT m.epoch INTO epoch FROM meta m;
    now := clock_timestamp();
END $$;

CREATE OR REPLACE FUNCTION warroom.push(batch json) RETURNS TABLE (entry_id uuid, entry_pos bigint)
LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE
    last bigint;
    first bigint;
    link text;
    one json;
    name text;
    owner text;
BEGIN
    SELECT h.pos, h.chain INTO last, link FROM head h FOR UPDATE;
    first := last;
    FOR one IN SELECT value FROM json_array_elements(batch) LOOP
        entry_id := (one->>'id')::uuid;
        SELECT e.pos INTO entry_pos FROM entry e WHERE e.stream = (one->>'stream')::uuid AND e.id = entry_id;
        IF NOT FOUND THEN
            IF NOT EXISTS (SELECT 1 FROM stream s WHERE s.id = (one->>'stream')::uuid) THEN
                name := one->>'label';
                IF EXISTS (SELECT 1 FROM stream s WHERE s.label = name) THEN
                    SELECT d.letter INTO owner FROM device d WHERE d.id = (one->>'device')::uuid;
                    name := name || '/' || coalesce(upper(owner), left(one->>'stream', 8));
                END IF;
                INSERT INTO stream (id, label) VALUES ((one->>'stream')::uuid, name);
            END IF;
            last := last + 1;
            entry_pos := last;
            link := md5(link || entry_id || (one->>'device'));
            INSERT INTO entry (
                pos, id, device, device_seq, stream, at, by, kind, body, seen, orders, v, chain)
            VALUES (last, entry_id, (one->>'device')::uuid, (one->>'device_seq')::bigint, (one->>'stream')::uuid,
                (one->>'at')::bigint, one->>'by', one->>'kind', one->>'body', (one->>'seen')::bigint,
                one->>'orders', (one->>'v')::int, link);
            IF one->>'kind' = '{SCRUBBED}' AND one->>'scrubs' <> '' THEN
                UPDATE entry e SET body = left_over->>'body', orders = ''
                    FROM json_array_elements((one->>'scrubs')::json) left_over
                    WHERE e.stream = (one->>'stream')::uuid AND e.id = (left_over->>'id')::uuid;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
    IF last > first THEN
        UPDATE head h SET pos = last, chain = link;
        PERFORM pg_notify('{CHANNEL}', last::text);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION warroom.pull(after bigint) RETURNS TABLE (
    pos bigint, id uuid, device uuid, device_seq bigint, stream uuid, label text, at bigint, by text, kind text,
    body text, seen bigint, orders text, v int, letter text
) LANGUAGE sql STABLE {_AS_OWNER} AS $$
    SELECT pos, id, device, device_seq, stream, label, at, by, kind, body, seen, orders, v, letter FROM (
        SELECT e.*, s.label, coalesce(d.letter, '') AS letter, sum(octet_length(e.body) + octet_length(e.orders))
        OVER (ORDER BY e.pos) AS total FROM (SELECT * FROM entry n WHERE n.pos > after ORDER BY n.pos LIMIT
        {BATCH_ENTRIES}) e JOIN stream s ON s.id = e.stream LEFT JOIN device d ON d.id = e.device
    ) page WHERE total <= {BATCH_BYTES} OR pos = after + 1 ORDER BY pos
$$;

CREATE OR REPLACE FUNCTION warroom.chain_at(wanted bigint) RETURNS text LANGUAGE sql STABLE {_AS_OWNER} AS
$$ SELECT e.chain FROM entry e WHERE e.pos = wanted $$;

CREATE OR REPLACE FUNCTION warroom.name_incident(wanted uuid) RETURNS text LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE
    name text;
    next int;
BEGIN
    SELECT h.number + 1 INTO next FROM head h FOR UPDATE;
    SELECT s.label INTO name FROM stream s WHERE s.id = wanted;
    IF FOUND THEN
        RETURN name;
    END IF;
    WHILE EXISTS (SELECT 1 FROM stream s WHERE s.label = 'INC-' || next) LOOP
        next := next + 1;
    END LOOP;
    name := 'INC-' || next;
    UPDATE head h SET number = next;
    INSERT INTO stream (id, label, number) VALUES (wanted, name, next);
    RETURN name;
END $$;

CREATE OR REPLACE FUNCTION warroom.heartbeat(
    device_id uuid, this_session text, sessions json, wanted text[], lease_s float, stays_s float
) RETURNS json LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE
    present timestamptz := clock_timestamp();
    wants text;
    granted jsonb := '{{}}';
    before text;
    after text;
BEGIN
    UPDATE device d SET last_seen = present WHERE d.id = device_id;
    SELECT json_agg(json_build_array(p.session, p.stream, p.text) ORDER BY p.session)::text INTO before
        FROM presence p WHERE p.device = device_id AND p.until >= present;
    DELETE FROM presence p WHERE p.device = device_id OR p.until < present;
    INSERT INTO presence (device, session, stream, text, until)
        SELECT device_id, left(one->>'session', 80), (one->>'stream')::uuid, left(one->>'text', 2000),
            present + make_interval(secs => stays_s)
        FROM json_array_elements(sessions) one LIMIT 50 ON CONFLICT DO NOTHING;
    SELECT json_agg(json_build_array(p.session, p.stream, p.text) ORDER BY p.session)::text INTO after
        FROM presence p WHERE p.device = device_id;
    IF after IS DISTINCT FROM before THEN
        PERFORM pg_notify('{CHANNEL}', 'present');
    END IF;
    FOREACH wants IN ARRAY wanted LOOP
        INSERT INTO lease AS l (name, session, until)
            VALUES (wants, this_session, present + make_interval(secs => lease_s))
            ON CONFLICT (name) DO UPDATE SET session = excluded.session, until = excluded.until
            WHERE l.session = excluded.session OR l.until < present;
        granted := granted || jsonb_build_object(wants, FOUND);
    END LOOP;
    RETURN json_build_object(
        'head', (SELECT h.pos FROM head h),
        'now', extract(epoch FROM clock_timestamp()),
        'leases', granted,
        'devices', (SELECT coalesce(json_agg(json_build_object('id', d.id, 'letter', d.letter, 'name', d.name,
            'app', d.app, 'last_seen', extract(epoch FROM d.last_seen)) ORDER BY d.letter), '[]') FROM device d),
        'present', (SELECT coalesce(json_agg(json_build_object('session', p.session, 'stream', p.stream,
            'text', p.text)), '[]') FROM presence p WHERE p.device <> device_id)
    );
END $$;
"""

SIGNATURES = (
    "version()",
    "hello(uuid, text, text, int)",
    "push(json)",
    "pull(bigint)",
    "chain_at(bigint)",
    "name_incident(uuid)",
    "heartbeat(uuid, text, json, text[], float, float)",
)
"""What members may call, and nothing else."""

DROP_FUNCTIONS = "\n".join(f"DROP FUNCTION IF EXISTS warroom.{one};" for one in SIGNATURES)
"""Before they are created anew: what a function returns cannot be changed otherwise."""

GRANTS = "\n".join(
    [f"GRANT USAGE ON SCHEMA warroom TO {MEMBER};"]
    + [f"REVOKE ALL ON FUNCTION warroom.{one} FROM PUBLIC;" for one in SIGNATURES]
    + [f"GRANT EXECUTE ON FUNCTION warroom.{one} TO {MEMBER};" for one in SIGNATURES]
)
