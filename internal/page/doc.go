// Package page draws reports as self-contained HTML pages that look alike: no
// script, no outside file, light and dark, readable on a phone.
//
// It knows how a page looks, never what a report means; it imports nothing of Slipway.
package page
