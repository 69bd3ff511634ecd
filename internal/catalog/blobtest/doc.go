// Package blobtest tests the artifact repository on real catalogs: what happens to
// data when writers and garbage collections are killed. It holds nothing but
// tests; artifacts must not know the catalog, and the catalog not artifacts.
package blobtest
