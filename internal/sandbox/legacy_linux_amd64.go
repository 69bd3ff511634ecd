package sandbox

// legacy are calls that only older machines have.
func legacy() []string {
	return []string{"fork", "vfork", "iopl", "ioperm", "modify_ldt", "create_module", "kexec_file_load"}
}
