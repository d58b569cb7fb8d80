"""The applets ipcmk and ipcrm beside ipcmk(1) and ipcrm(1)."""

from oracle import AS_NOBODY, AppletTest

KEY = r"0x[0-9a-f]{8}"
EVERYTHING = "ipcmk -Q; ipcmk -Q -p 666; ipcmk -M 4096; ipcmk -M 1 -p 600; ipcmk -S 3; ipcmk -S 1 -p 600"


class Ipcmk(AppletTest):
    def test_each_kind(self):
        self.same("ipcmk -Q; ipcs -q", 0, KEY)
        self.same("ipcmk -M 4096; ipcs -m", 0, KEY)
        self.same("ipcmk -S 3; ipcs -s", 0, KEY)
        self.same("ipcmk --queue --shmem 1 --semaphore 2 --mode 640; ipcs", 0, KEY)
        self.same("ipcmk -Q -Q; ipcmk -Q extra words; ipcs -q", 0, KEY)

    def test_keys_are_random_and_not_private(self):
        for way in ("link", "applet"):
            rows = self.run_as(way, "for i in 1 2 3 4; do ipcmk -Q; done >/dev/null; ipcs -q").text.split()
            keys = [word for word in rows if word.startswith("0x")]
            self.assertEqual(len(set(keys)), 4)
            self.assertNotIn("0x00000000", keys)

    def test_sizes(self):
        sizes = ("1", "0x10", "010", "+5", "' 5'", "1K", "1k", "1KiB", "1kib", "3KB", "3Kb", "2M", "1.5K", "0.5K", "1.K",
                 "1.001M", "2.5MB", "1.05K")
        self.same("for size in " + " ".join(sizes) + "; do ipcmk -M $size; done; ipcs -m", 0, KEY)

    def test_no_sizes(self):
        for size in ("x", "''", "-1", "1Ki", "10B", "1.5", ".5K", "1.1", "'5 '", "1,5K", "'1 K'", "3kIb", "1KK", "16E", "1Z",
                     "1.+5K"):
            self.same(f"ipcmk -M {size}", 1)

    def test_fractions_are_exact(self):
        """Of these the tool of 2.38 makes 2048 and 2150 bytes."""
        for way in ("link", "applet"):
            rows = self.run_as(way, "ipcmk -M 1.10K >&2; ipcmk -M 1.999K >&2; ipcs -m").text
            self.assertRegex(rows, r"(?s) 1126 .* 2046 ")

    def test_modes(self):
        self.same("for mode in 0 600 0777 1777; do ipcmk -Q -p $mode; done; ipcs -q", 0, KEY)
        for mode in ("9", "u+r", "''", "0x1ff"):
            self.same(f"ipcmk -Q -p {mode} 2>/dev/null", 1)
            self.same(f"ipcmk -Q -p {mode} 2>&-", 1)

    def test_what_the_kernel_refuses(self):
        self.same("ipcmk -S 0", 1)
        self.same("ipcmk -M 0", 1)
        self.same("ipcmk -S 100000", 1)

    def test_wrong_use(self):
        for words in ("", "-Z", "-M", "--foo", "-S x", "-S 3K", "-S 2147483648", "-S 3.5", "--s 3"):
            self.same("ipcmk " + words, 1)

    def test_output_that_cannot_be_written(self):
        self.same("ipcmk -Q >/dev/full", 1)


class Ipcrm(AppletTest):
    def test_by_id(self):
        self.same(f"{EVERYTHING}; ipcrm -q 0 -m 1 --semaphore-id=0; ipcs", 0, KEY)
        self.same(f"{EVERYTHING}; ipcrm -v -q 0 --shmem-id 0 -s 1; ipcs", 0, KEY)

    def test_by_key(self):
        find = "key() { ipcs $1 | awk '$2 == 0 { print $1 }'; }"
        self.same(f"{EVERYTHING}; {find}; ipcrm -v -Q $(key -q) -M $(key -m) -S $(key -s); ipcs", 0, KEY)
        self.same(f"{EVERYTHING}; {find}; ipcrm --queue-key $(($(key -q))); ipcs -q", 0, KEY)

    def test_long_options(self):
        find = "key() { ipcs $1 | awk '$2 == 0 { print $1 }'; }"
        self.same(f"{EVERYTHING}; ipcrm --queue-id 0 --shmem-id=1 --semaphore-id 0 --verbose; ipcs", 0, KEY)
        self.same(f"{EVERYTHING}; {find}; ipcrm --queue-key $(key -q) --shmem-key $(key -m) --semaphore-key=$(key -s) --verb; ipcs",
                  0, KEY)
        self.same(f"{EVERYTHING}; ipcrm --all --verbose; ipcs", 0, KEY)
        for words in ("--queue 0", "--shmem-key", "--semaphore-id x", "--all shm", "--al=shmem", "--nothing"):
            self.same(f"{EVERYTHING}; ipcrm {words}", None, KEY)

    def test_all(self):
        for words in ("-a", "-v -a", "-a -v", "-ashm", "--all=msg -v", "-asem -v", "-v -ashm -amsg", "-v -q 0 -a"):
            self.same(f"{EVERYTHING}; ipcrm {words}; ipcs", 0, KEY)
        self.same("ipcrm -a -v", 0)

    def test_the_old_form(self):
        for words in ("msg 0 1", "shm 1", "sem 0", "msg 0 99 x 1", "sem 0x1", "shm ''"):
            self.same(f"{EVERYTHING}; ipcrm {words}; echo $?; ipcs", 0, KEY)
        for words in ("shm", "msg", "sem 99", "shm -1", "shm 99999999999", "shm 1 -v", "shm -h", "msg -- 5", "shmx 5", "'' 5"):
            self.same("ipcrm " + words, 1)

    def test_what_is_not_there(self):
        for words in ("-m 99", "-q 99 -q 98", "-v -q 99", "-m -1", "-M 0x9", "-M 9", "-v -M 011", "-Q 1 -S 2", "-S -5",
                      "-M 0xffffffff", "-M ' 5'", "-m 1 -M 2 -q 3 -Q 4 -s 5 -S 6"):
            self.same("ipcrm " + words, 1)

    def test_no_ids_and_no_keys(self):
        for words in ("-m x", "-m 0x0", "-m ''", "-q 99999999999", "-M 1x", "-M 08", "-M 0x", "-M '5 '", "-M 0",
                      "-S 0x0", "-M 4294967296", "-M 99999999999999999999"):
            self.same("ipcrm " + words, 1)

    def test_wrong_use(self):
        for words in ("-m", "-z", "--shmem 5", "foo", "foo 1", "-q 1 foo", "-v shm 1", "-- shm 5", "-a sem", "--all=foo",
                      "-avshm", "-a -aq"):
            self.same("ipcrm " + words, 1)
        self.same("ipcrm", 0)
        self.same(f"{EVERYTHING}; ipcrm -q 0 foo; ipcs -q", 0, KEY)

    def test_as_another_user(self):
        self.need_root()
        for words in ("-q 0", "-a", "-a -v", "-s 0 -s 1 -v", "sem 0 1", "-amsg", "-v -m 99 -m 0"):
            self.same(f"{EVERYTHING}; {AS_NOBODY} ipcrm {words}; echo $?; ipcs", 0, KEY)
        self.same(f"{EVERYTHING}; {AS_NOBODY} ipcrm -vS $(ipcs -s | awk '$2 == 1 {{ print $1 }}')", 1, KEY)
