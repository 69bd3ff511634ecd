// Package columnar writes Parquet files of one row group into memory, fast enough to do so beside
// serving: hundreds of columns of a few thousand rows, as the prediction log has them.
//
// A general writer spends more on a column (its buffers, builders and metadata, three times over) than its
// 2,048 numbers take, and Snappy as much again to find nothing in them. This one knows three types and chooses
// an encoding by looking at the numbers:
//
//   - few different ones: a dictionary, and runs or bits for the rows (RLE_DICTIONARY);
//   - bytes that are the same in all, as the lower three are in a float32 written as a double: the bytes of
//     each place together (BYTE_STREAM_SPLIT), those that are the same as a run of Snappy;
//   - else as they are (PLAIN), not compressed.
//
// The format is that of https://github.com/apache/parquet-format, its metadata Thrift's compact protocol. Any
// reader of Parquet reads the files; the tests use those of Apache Arrow for Go and, by hand, for Python.
//
// The package knows nothing of the log: it imports nothing of Slipway.
package columnar
