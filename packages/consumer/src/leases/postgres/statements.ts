/**
 * The store's SQL. News are numbered by a counter in the application's row: who changes what is news holds that row until
 * its commit, so numbers come to light in their order and a cursor misses nothing. `announced` is the last that ends waits. Rows of leases are locked after it.
 * Leases that are taken away leave nothing behind but `removed`: cursors before it are told everything.
 */
import { COLUMNS, valueSql } from './lease-row.ts'

export interface Statements {
  readonly exists: string
  readonly applications: string
  readonly make: string
  readonly enter: string
  readonly beat: string
  readonly look: string
  readonly all: string
  readonly since: string
  readonly named: string
  readonly create: string
  readonly update: string
  readonly remove: string
  readonly leave: string
  readonly delete: string
  readonly sweep: string
}

/** Any number that is ours: makes of the tables wait for each other. */
const MAKING = 0x6d696c6c

export function statementsFor(schema: string): Statements {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  const applications = `${quoted}.millrace_applications`
  const leases = `${quoted}.millrace_leases`
  const sessions = `${quoted}.millrace_sessions`
  const names = COLUMNS.map(([name]) => name).join(', ')
  const state = `SELECT a.news, a.announced, a.removed,
    (SELECT coalesce(json_agg(json_build_object('worker', s.worker, 'capacity', s.capacity,
        'leftMs', extract(epoch FROM s.expires_at - clock_timestamp()) * 1000)), '[]')
      FROM ${sessions} s WHERE s.application = $1 AND s.expires_at > clock_timestamp()) AS workers
    FROM ${applications} a WHERE a.application = $1`
  return {
    exists: `SELECT to_regclass('${quoted.replaceAll("'", "''")}.millrace_sessions') IS NOT NULL AS "exists"`,
    applications: `SELECT a.application,
        (SELECT count(*) FROM ${leases} l WHERE l.application = a.application) AS leases,
        (SELECT count(*) FROM ${sessions} s
          WHERE s.application = a.application AND s.expires_at > clock_timestamp()) AS workers
      FROM ${applications} a ORDER BY a.application COLLATE "C"`,
    // One transaction: several statements without values are one.
    make: `SELECT pg_advisory_xact_lock(${MAKING});
      CREATE SCHEMA IF NOT EXISTS ${quoted};
      CREATE TABLE IF NOT EXISTS ${applications} (
        application text PRIMARY KEY, news bigint NOT NULL DEFAULT 0,
        announced bigint NOT NULL DEFAULT 0, removed bigint NOT NULL DEFAULT 0);
      CREATE TABLE IF NOT EXISTS ${leases} (
        application text NOT NULL, key text NOT NULL,
        ${COLUMNS.map((column) => column.join(' ')).join(', ')},
        version bigint NOT NULL, news bigint NOT NULL, PRIMARY KEY (application, key));
      CREATE INDEX IF NOT EXISTS millrace_leases_news ON ${leases} (application, news);
      CREATE TABLE IF NOT EXISTS ${sessions} (
        application text NOT NULL, worker text NOT NULL, capacity float8 NOT NULL,
        expires_at timestamptz NOT NULL, PRIMARY KEY (application, worker));`,
    enter: `INSERT INTO ${applications} (application) VALUES ($1) ON CONFLICT DO NOTHING`,
    beat: `WITH session AS (
        INSERT INTO ${sessions} (application, worker, capacity, expires_at)
        VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
        ON CONFLICT (application, worker) DO UPDATE SET capacity = excluded.capacity, expires_at = excluded.expires_at),
      dead AS (
        DELETE FROM ${sessions} WHERE application = $1 AND worker <> $2
        AND expires_at < clock_timestamp() - interval '1 min')
      ${state}`,
    look: state,
    all: `SELECT * FROM ${leases} WHERE application = $1`,
    since: `SELECT * FROM ${leases} WHERE application = $1 AND news > $2`,
    named: `SELECT * FROM ${leases} WHERE application = $1 AND key = ANY($2)`,
    create: `WITH app AS (
        UPDATE ${applications} SET news = news + 1, announced = news + 1 WHERE application = $1 RETURNING news)
      INSERT INTO ${leases} (application, key, ${names}, version, news)
      SELECT $1, n.key, ${COLUMNS.map(([name, type]) => valueSql(name, type, 'n.columns')).join(', ')}, 1, app.news
      FROM app, jsonb_to_recordset($2::jsonb) AS n(key text, columns jsonb)
      ON CONFLICT DO NOTHING`,
    update: `WITH app AS (
        UPDATE ${applications} SET news = news + 1, announced = CASE WHEN $4 THEN news + 1 ELSE announced END
        WHERE application = $1 AND $3 RETURNING news)
      UPDATE ${leases} l SET
        ${COLUMNS.map(([name, type]) => `${name} = CASE WHEN u.columns ? '${name}' THEN ${valueSql(name, type, 'u.columns')} ELSE l.${name} END`).join(', ')},
        version = l.version + 1,
        news = CASE WHEN u.news THEN (SELECT news FROM app) ELSE l.news END
      FROM jsonb_to_recordset($2::jsonb) AS u(key text, epoch bigint, news boolean, columns jsonb)
      WHERE l.application = $1 AND l.key = u.key AND l.epoch = u.epoch
      AND (u.columns ? 'epoch' OR NOT u.columns ? 'checkpoint' OR
        (${placeSql("u.columns->>'checkpoint'")}, ${valueSql('checkpoint_sub', 'bigint', 'u.columns')})
          >= (${placeSql('l.checkpoint')}, l.checkpoint_sub))
      RETURNING l.*`,
    remove: `WITH app AS (
        UPDATE ${applications} SET news = news + 1, announced = news + 1, removed = news + 1 WHERE application = $1 RETURNING news)
      DELETE FROM ${leases} l
      USING app, jsonb_to_recordset($2::jsonb) AS r(key text, epoch bigint)
      WHERE l.application = $1 AND l.key = r.key AND l.epoch = r.epoch`,
    leave: `DELETE FROM ${sessions} WHERE application = $1 AND worker = $2`,
    delete: `WITH app AS (
        DELETE FROM ${applications} a WHERE application = $1 AND ($2 OR NOT EXISTS (
          SELECT FROM ${sessions} s WHERE s.application = $1 AND s.expires_at > clock_timestamp()))
        RETURNING application),
      session AS (DELETE FROM ${sessions} s USING app WHERE s.application = app.application),
      lease AS (DELETE FROM ${leases} l USING app WHERE l.application = app.application)
      SELECT application FROM app`,
    // What was being made while `delete` waited for the application's row it could not see.
    sweep: `DELETE FROM ${leases} WHERE application = $1
      AND NOT EXISTS (SELECT FROM ${applications} WHERE application = $1)`,
  }
}

/** Orders places of a shard as `compareSequenceNumbers` does; a number has 129 digits at most. */
function placeSql(checkpoint: string): string {
  return `CASE ${checkpoint} WHEN 'AT_TIMESTAMP' THEN -3 WHEN 'TRIM_HORIZON' THEN -2 WHEN 'LATEST' THEN -1
    WHEN 'SHARD_END' THEN 1e129 ELSE (${checkpoint})::numeric END`
}
