// Package show draws what the demo shows: the live bar, the tables, the pages
// of text around the commands. Drawing is given values and a terminal's width;
// only Screen writes.
package show
