// Package catalogtest gives tests real catalogs: SQLite in the test's folder and
// PostgreSQL in a schema of its own. It is for tests only and must never be
// imported by anything else.
package catalogtest
