"""Message queues."""

import base64
import json

from harness import ShellTest


class PosixQueue(ShellTest):
    def test_the_urgent_message_comes_first(self):
        q = self.name()
        done = self.sh(f"ginnel mk mq:{q} --messages 10 --size 256 >/dev/null; ginnel send mq:{q} later;"
                       f"ginnel send mq:{q} --priority 7 urgent; ginnel recv mq:{q} --nonblock")
        self.assertEqual(done.out, b"urgent")

    def test_an_empty_queue_would_block(self):
        q = self.name()
        self.sh(f"ginnel mk mq:{q}")
        self.assertIn(q, self.sh(f"ginnel recv mq:{q} --nonblock", code=1).errors)

    def test_an_empty_message_is_a_message(self):
        q = self.name()
        done = self.sh(f"ginnel mk mq:{q} >/dev/null; ginnel send mq:{q} ''; ginnel recv mq:{q} --nonblock --json")
        self.assertEqual(json.loads(done.text), {"priority": 0, "bytes": 0, "data": ""})

    def test_all_of_standard_input_is_one_message_in_binary_too(self):
        q = self.name()
        data = bytes(range(256))
        self.sh(f"ginnel mk mq:{q}")
        self.sh(f"ginnel send mq:{q}", data=data)
        self.sh(f"ginnel send mq:{q}", data=data)
        self.assertEqual(self.sh(f"ginnel recv mq:{q}").out, data)
        facts = json.loads(self.sh(f"ginnel recv mq:{q} --json").text)
        self.assertEqual(base64.b64decode(facts["base64"]), data)

    def test_what_looks_like_json_or_an_option_is_data(self):
        q = self.name()
        done = self.sh(f"ginnel mk mq:{q} >/dev/null; ginnel send mq:{q} '[1,2]'; ginnel send mq:{q} -- --json;"
                       f"ginnel recv mq:{q} --count 2 --lines")
        self.assertEqual(done.out, b"[1,2]\n--json\n")

    def test_a_message_too_long_tells_both_sizes(self):
        q = self.name()
        done = self.sh(f"ginnel mk mq:{q} --size 16 >/dev/null; ginnel send mq:{q} 'twenty characters ..'", code=2)
        self.assertRegex(done.errors, r"(?s)20.*16")
        self.assertIn("16", self.sh(f"ginnel send mq:{q}", data=b"x" * 17, code=2).errors)

    def test_a_queue_cannot_be_peeked_at(self):
        q = self.name()
        self.assertIn("sysv-msg", self.sh(f"ginnel mk mq:{q}; ginnel recv mq:{q} --peek", code=2).errors)

    def test_making_it_twice_is_refused(self):
        q = self.name()
        self.assertIn("EEXIST", self.sh(f"ginnel mk mq:{q}; ginnel mk mq:{q}", code=2).errors)

    def test_rm_removes_it_and_then_finds_nothing(self):
        q = self.name()
        self.sh(f"ginnel mk mq:{q}; ginnel rm mq:{q}")
        self.sh(f"ginnel rm mq:{q}", code=1)


class SysvQueue(ShellTest):
    def test_ipcs_shows_what_ginnel_makes_and_ipcrm_removes_it(self):
        key = self.key()
        self.sh(f"ginnel mk sysv-msg:{key}")
        self.assertIn(f"0x{int(key, 16):08x}", self.sh("ipcs -q").text)
        self.sh(f"ipcrm -Q {key}")
        self.sh(f"ginnel recv sysv-msg:{key} --nonblock", code=1)

    def test_one_that_is_not_there_is_code_1_and_told_with_how_to_make_it(self):
        for line, address in (("send {} x", f"sysv-msg:{self.key()}"), ("recv {}", "mq:" + self.name()),
                              ("send {} x", "mq:" + self.name())):
            self.assertIn(f"'ginnel mk {address}' makes it", self.sh("ginnel " + line.format(address), code=1).errors)
        self.sh("ginnel recv sysv-msg:id=2147483647", code=1)

    def test_ginnel_uses_and_removes_what_ipcmk_makes(self):
        number = self.ipcmk("-Q")
        done = self.sh(f"ginnel send sysv-msg:id={number} hi; ginnel recv sysv-msg:id={number}; "
                       f"ginnel rm sysv-msg:id={number}")
        self.assertEqual(done.out, b"hi")
        self.sh(f"ginnel rm sysv-msg:id={number}", code=1)

    def test_messages_are_chosen_by_type(self):
        key = self.key()
        done = self.sh(f"a=sysv-msg:{key}; ginnel mk $a >/dev/null; ginnel send $a --type 3 three;"
                       f"ginnel send $a --type 2 two; ginnel send $a one;"
                       f"ginnel recv $a --type 2 --json; ginnel recv $a --type -3 --lines; ginnel recv $a --lines")
        self.assertEqual(done.text, '{"type":2,"bytes":3,"data":"two"}\none\nthree\n')

    def test_a_peek_leaves_the_messages(self):
        key = self.key()
        done = self.sh(f"a=sysv-msg:{key}; ginnel mk $a >/dev/null; printf '1\\n2\\n' | ginnel send $a --lines;"
                       f"ginnel recv $a --all --peek; ginnel recv $a --all; ginnel recv $a --all", code=1)
        self.assertEqual(done.out, b"1212")
