-- A journal as warroom wrote it at schema version 1 (commit 488ba1e).
PRAGMA application_id = 1465012045;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "counter" VALUES('incident',2);
CREATE TABLE deliveries (
            n               INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order they were written in
            id              TEXT NOT NULL UNIQUE,
            stream          TEXT NOT NULL,
            seq             INTEGER NOT NULL,
            destination     TEXT NOT NULL,
            act             TEXT NOT NULL,
            body            TEXT NOT NULL,                      -- the order as JSON
            state           TEXT NOT NULL,
            attempts        INTEGER NOT NULL DEFAULT 0,
            next_attempt_at INTEGER,
            holder          TEXT NOT NULL DEFAULT '',           -- who works on it, '' for nobody
            lease_until     INTEGER NOT NULL DEFAULT 0,
            receipt         TEXT,
            error           TEXT NOT NULL DEFAULT '',
            FOREIGN KEY (stream, seq) REFERENCES entries
        );
INSERT INTO "deliveries" VALUES(1,'INC-1.1.transcript.open','INC-1',1,'transcript','open','{"act":"open","destination":"transcript","message":null}','pending',0,NULL,'',0,NULL,'');
INSERT INTO "deliveries" VALUES(2,'INC-1.4.transcript.post','INC-1',4,'transcript','post','{"act":"post","destination":"transcript","message":{"kind":"declaration","audience":"team","incident":"INC-1","severity":"high","status":"investigating","title":"🚨 INCIDENT DECLARED 🚨","text":"🚨 INCIDENT DECLARED 🚨\n\nService: checkout-api\nTime: 01:42 UTC\nImpact: Card payments fail\nSeverity: High\n\nNext update at 02:12 UTC or when new info available.\n\nINC-1·u1","marker":"INC-1·u1","at":"2026-11-26T01:42:51.026863Z","pin":true}}','pending',0,NULL,'',0,NULL,'');
INSERT INTO "deliveries" VALUES(4,'INC-1.10.transcript.post','INC-1',10,'transcript','post','{"act":"post","destination":"transcript","message":{"kind":"update","audience":"team","incident":"INC-1","severity":"high","status":"investigating","title":"📊 INCIDENT UPDATE 📊","text":"📊 INCIDENT UPDATE 📊\n\nStatus: Investigating\nTime: 01:42 UTC\nImpact: Six in ten card payments fail\nActions: Found: Pool exhausted: 200 of 200\nNext update: 02:12 UTC\n\nINC-1·u2","marker":"INC-1·u2","at":"2026-11-26T01:42:52.248381Z","pin":false}}','pending',0,NULL,'',0,NULL,'');
INSERT INTO "deliveries" VALUES(6,'INC-1.11.transcript.status','INC-1',11,'transcript','status','{"act":"status","destination":"transcript","message":{"kind":"status","audience":"team","incident":"INC-1","severity":"high","status":"resolved","title":"▲ INC-1 · High · checkout-api · Resolved","text":"▲ INC-1 · High · checkout-api · Resolved\n\nImpact: Six in ten card payments fail\nStarted: 01:42 UTC\nResolved: 01:42 UTC, after 1 s\n\nINC-1·status","marker":"INC-1·status","at":"2026-11-26T01:42:52.749820Z","pin":false}}','pending',0,NULL,'',0,NULL,'');
INSERT INTO "deliveries" VALUES(7,'INC-2.1.transcript.open','INC-2',1,'transcript','open','{"act":"open","destination":"transcript","message":null}','pending',0,NULL,'',0,NULL,'');
INSERT INTO "deliveries" VALUES(8,'INC-2.4.transcript.post','INC-2',4,'transcript','post','{"act":"post","destination":"transcript","message":{"kind":"declaration","audience":"team","incident":"INC-2","severity":"critical","status":"investigating","title":"🚨 INCIDENT DECLARED 🚨","text":"🚨 INCIDENT DECLARED 🚨\n\nService: search\nTime: 01:42 UTC\nImpact: No results — größer ✓\nSeverity: Critical\n\nNext update at 01:57 UTC or when new info available.\n\nINC-2·u1","marker":"INC-2·u1","at":"2026-11-26T01:42:53.179645Z","pin":true}}','pending',0,NULL,'',0,NULL,'');
INSERT INTO "deliveries" VALUES(9,'INC-2.4.transcript.status','INC-2',4,'transcript','status','{"act":"status","destination":"transcript","message":{"kind":"status","audience":"team","incident":"INC-2","severity":"critical","status":"investigating","title":"● INC-2 · Critical · search · Investigating","text":"● INC-2 · Critical · search · Investigating\n\nImpact: No results — größer ✓\nStarted: 01:42 UTC\nIncident commander: nobody yet\nNext update: 01:57 UTC\n\nINC-2·status","marker":"INC-2·status","at":"2026-11-26T01:42:53.179645Z","pin":false}}','pending',0,NULL,'',0,NULL,'');
CREATE TABLE drafts (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
            stream TEXT NOT NULL REFERENCES streams,
            seq    INTEGER NOT NULL,    -- from 1, without gaps
            at     INTEGER NOT NULL,    -- milliseconds since 1970, UTC; so are all times here
            by     TEXT NOT NULL,
            kind   TEXT NOT NULL,
            body   TEXT NOT NULL,       -- the event as JSON
            PRIMARY KEY (stream, seq)
        ) WITHOUT ROWID;
INSERT INTO "entries" VALUES('INC-1',1,1795657371026,'Alice','declared','{"kind":"declared","service":"checkout-api","impact":"Card payments fail","severity":"high","started_at":"2026-11-26T01:42:51.026000Z","detected_at":null,"drill":false,"source":""}');
INSERT INTO "entries" VALUES('INC-1',2,1795657371026,'Alice','checked','{"kind":"checked","item":"assess-impact","title":"Assess initial impact","because":"declared"}');
INSERT INTO "entries" VALUES('INC-1',3,1795657371026,'Alice','checked','{"kind":"checked","item":"severity","title":"Determine severity level","because":"declared"}');
INSERT INTO "entries" VALUES('INC-1',4,1795657371026,'Alice','update','{"kind":"update","number":1,"message":"declaration","template":"declaration","audience":"team","status":"investigating","fields":{"impact":"Card payments fail","next_update":"02:12"},"title":"🚨 INCIDENT DECLARED 🚨","words":"🚨 INCIDENT DECLARED 🚨\n\nService: checkout-api\nTime: 01:42 UTC\nImpact: Card payments fail\nSeverity: High\n\nNext update at 02:12 UTC or when new info available.\n\nINC-1·u1","next_update_at":"2026-11-26T02:12:00Z","destinations":["transcript"],"approved_by":""}');
INSERT INTO "entries" VALUES('INC-1',5,1795657371026,'Alice','checked','{"kind":"checked","item":"first-update","title":"Post initial status update","because":"update"}');
INSERT INTO "entries" VALUES('INC-1',6,1795657371421,'Alice','acknowledged','{"kind":"acknowledged","who":"Alice"}');
INSERT INTO "entries" VALUES('INC-1',7,1795657371421,'Alice','checked','{"kind":"checked","item":"acknowledge","title":"Acknowledge alert in monitoring system","because":"acknowledged"}');
INSERT INTO "entries" VALUES('INC-1',8,1795657371808,'Alice','noted','{"kind":"noted","note":"finding","words":"Pool exhausted: 200 of 200","because":"","rollback":""}');
INSERT INTO "entries" VALUES('INC-1',9,1795657371808,'Alice','checked','{"kind":"checked","item":"findings","title":"Document investigation findings","because":"noted"}');
INSERT INTO "entries" VALUES('INC-1',10,1795657372248,'Alice','update','{"kind":"update","number":2,"message":"update","template":"update","audience":"team","status":"investigating","fields":{"status":"Investigating","impact":"Six in ten card payments fail","actions":"Found: Pool exhausted: 200 of 200","eta":"","next_update":"02:12"},"title":"📊 INCIDENT UPDATE 📊","words":"📊 INCIDENT UPDATE 📊\n\nStatus: Investigating\nTime: 01:42 UTC\nImpact: Six in ten card payments fail\nActions: Found: Pool exhausted: 200 of 200\nNext update: 02:12 UTC\n\nINC-1·u2","next_update_at":"2026-11-26T02:12:00Z","destinations":["transcript"],"approved_by":""}');
INSERT INTO "entries" VALUES('INC-1',11,1795657372749,'Alice','resolved','{"kind":"resolved","overridden":["No fix is recorded","Not verified: Service health checks passing","Not verified: Key user journeys working","Not verified: Metrics returned to baseline","Not verified: No new errors in logs","Not verified: Customer reports resolved"],"reason":"done"}');
INSERT INTO "entries" VALUES('INC-2',1,1795657373179,'Alice','declared','{"kind":"declared","service":"search","impact":"No results — größer ✓","severity":"critical","started_at":"2026-11-26T01:42:53.179000Z","detected_at":null,"drill":false,"source":""}');
INSERT INTO "entries" VALUES('INC-2',2,1795657373179,'Alice','checked','{"kind":"checked","item":"assess-impact","title":"Assess initial impact","because":"declared"}');
INSERT INTO "entries" VALUES('INC-2',3,1795657373179,'Alice','checked','{"kind":"checked","item":"severity","title":"Determine severity level","because":"declared"}');
INSERT INTO "entries" VALUES('INC-2',4,1795657373179,'Alice','update','{"kind":"update","number":1,"message":"declaration","template":"declaration","audience":"team","status":"investigating","fields":{"impact":"No results — größer ✓","next_update":"01:57"},"title":"🚨 INCIDENT DECLARED 🚨","words":"🚨 INCIDENT DECLARED 🚨\n\nService: search\nTime: 01:42 UTC\nImpact: No results — größer ✓\nSeverity: Critical\n\nNext update at 01:57 UTC or when new info available.\n\nINC-2·u1","next_update_at":"2026-11-26T01:57:00Z","destinations":["transcript"],"approved_by":""}');
INSERT INTO "entries" VALUES('INC-2',5,1795657373179,'Alice','checked','{"kind":"checked","item":"first-update","title":"Post initial status update","because":"update"}');
INSERT INTO "entries" VALUES('INC-2',6,1795657373570,'Alice','noted','{"kind":"noted","note":"note","words":"x","because":"","rollback":""}');
INSERT INTO "entries" VALUES('team',1,1795657373920,'Alice','alert','{"kind":"alert","name":"high_errors","source":"prom","service":"search","detail":"","fired_at":"2026-11-26T01:42:53.919000Z"}');
CREATE TABLE streams (
            stream  TEXT PRIMARY KEY,
            number  INTEGER NOT NULL,   -- 7 for INC-7, 0 for a stream that is no numbered incident
            length  INTEGER NOT NULL,   -- the seq of its last entry
            summary TEXT NOT NULL
        );
INSERT INTO "streams" VALUES('INC-1',1,11,'{"id":"INC-1","title":"Card payments fail","service":"checkout-api","severity":"high","status":"resolved","drill":false,"milestones":{"started":"2026-11-26T01:42:51.026000+00:00","detected":"2026-11-26T01:42:51.026000+00:00","declared":"2026-11-26T01:42:51.026000+00:00","acknowledged":"2026-11-26T01:42:51.421000+00:00","resolved":"2026-11-26T01:42:52.749000+00:00","mitigated":"2026-11-26T01:42:52.749000+00:00"},"roles":{},"ticks":["assess-impact","severity","first-update","acknowledge","findings"],"next_update_at":null,"updates":2,"actions":[],"postmortem":false}');
INSERT INTO "streams" VALUES('INC-2',2,6,'{"id":"INC-2","title":"No results — größer ✓","service":"search","severity":"critical","status":"investigating","drill":false,"milestones":{"started":"2026-11-26T01:42:53.179000+00:00","detected":"2026-11-26T01:42:53.179000+00:00","declared":"2026-11-26T01:42:53.179000+00:00"},"roles":{},"ticks":["assess-impact","severity","first-update"],"next_update_at":"2026-11-26T01:57:00+00:00","updates":1,"actions":[],"postmortem":false}');
INSERT INTO "streams" VALUES('team',0,1,'');
CREATE INDEX deliveries_of_stream ON deliveries (stream, n);
CREATE INDEX deliveries_open ON deliveries (n) WHERE state IN ('pending', 'sending', 'uncertain');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deliveries',9);
COMMIT;
