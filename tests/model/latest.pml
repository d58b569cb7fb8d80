/* The newest value: a reader announces the slot that it reads, the writer looks for those that nobody has announced.
   Code: LatestWriter (prepare, commit, look_for_free_slots), LatestReader (hold_current, look_for_file), BellFolder::announce.

   Proven: no reader ever has a value that is being written, whatever it has read half of; values never go back; the writer always has a
   free slot; all this while readers come, stand and die at any step.

   proof quick
   proof -DVALUES=6 -DGETS=3
   proof -DDEATHS
   proof -DREADERS=2 -DVALUES=3 -DGETS=1

   fault NO_WRITER_FENCE       no fence between the count of looks and the look
   fault NO_READER_FENCE       no fence between the announcement and the second look at the count
   fault NO_SECOND_LOOK        a reader does not look at the count again
   fault LOOK_NOT_COUNTED      the writer does not count its looks
   fault CURRENT_RELAXED       a value is made current without release
   fault VALUE_AFTER_CURRENT   ... before it is written
   fault ANNOUNCED_RELAXED     another slot is announced without release: what is read of the one before may be late
   fault PAGE_AFTER_ANNOUNCE   a reader counts the bell's generation up before its page is there
   fault ONE_SLOT_LESS         as many slots as readers, and one */

#ifndef READERS
#define READERS 1
#endif
#ifndef VALUES
#define VALUES 4   /* that are set */
#endif
#ifndef GETS
#define GETS 2     /* by each reader */
#endif
#ifdef ONE_SLOT_LESS
#define SLOTS (READERS + 1)
#else
#define SLOTS (READERS + 2)
#endif

#define current 0
#define looks 1
#define generation 2
#define slot(s) (3 + (s))
#define announced(r) (3 + SLOTS + (r))
#define use(r) (3 + SLOTS + READERS + (r))
#define VARIABLES (3 + SLOTS + 2 * READERS)
#define THREADS (READERS + 1)
#include "memory.pml"

#ifdef DEATHS
#define may_die(me) unless { dies[me] }
#else
#define may_die(me)
#endif

#define writer READERS
bool page_is_there[READERS];  /* in the folder */
bool dies[READERS];

/* The word of `current`: a slot, and the version of its value; version 0 is none. */
#define word_of(version, s) ((version) * 8 + (s))
#define slot_of(word) ((word) % 8)
#define version_of(word) ((word) / 8)

inline look_for_free_slots() {
#ifndef LOOK_NOT_COUNTED
  looks_so_far++;
  store(writer, looks, looks_so_far, ordered);
#endif
#ifndef NO_WRITER_FENCE
  fence(writer);
#endif
  load(writer, generation, got, ordered);  /* look_for_readers: the folder is listed when this has changed */
  if
  :: got != generation_known ->
     generation_known = got;
     d_step { for (r : 0 .. READERS - 1) { page_is_known[r] = page_is_there[r] } r = 0 }
  :: else
  fi;
  is_free = BIT(SLOTS) - 1;
  if
  :: version > 0 -> is_free = is_free & ~BIT(in_use)
  :: else
  fi;
  for (r : 0 .. READERS - 1) {
    if
    :: page_is_known[r] ->
       load(writer, announced(r), got, ordered);
       if
       :: version_of(got) > 0 -> is_free = is_free & ~BIT(slot_of(got))
       :: else
       fi
    :: else
    fi
  }
  r = 0;
  assert(is_free != 0)
}

inline write_value() {
  d_step {
    for (r : 0 .. READERS - 1) { assert(knows_no_use(writer, use(r), s + 1)) }
    r = 0
  }
  store(writer, slot(s), version, relaxed)
}

proctype Writer() {
  byte version, in_use, s, r, is_free, looks_so_far;
  short got, generation_known;
  bool page_is_known[READERS];
  do
  :: version == VALUES -> break
  :: else ->
     if
     :: is_free == 0 -> look_for_free_slots()
     :: else
     fi;
     s = 0;
     do
     :: is_free & BIT(s) -> break
     :: else -> s++
     od;
     is_free = is_free & ~BIT(s);
     version++;
#ifndef VALUE_AFTER_CURRENT
     write_value();
#endif
#ifdef CURRENT_RELAXED
     store(writer, current, word_of(version, s), relaxed);
#else
     store(writer, current, word_of(version, s), ordered);
#endif
#ifdef VALUE_AFTER_CURRENT
     write_value();
#endif
     in_use = s
  od
}

inline hold_current() {
  load(me, looks, seen_looks, ordered);
  load(me, current, word, ordered);
  do
  :: word == held -> break
  :: else ->
     if  /* the last use of the slot that was held so far is over */
     :: memory[use(me)].now != 0 -> store(me, use(me), 0, relaxed)
     :: else
     fi;
#ifdef ANNOUNCED_RELAXED
     store(me, announced(me), word, relaxed);
#else
     store(me, announced(me), word, ordered);
#endif
#ifndef NO_READER_FENCE
     fence(me);
#endif
#ifdef NO_SECOND_LOOK
     held = word;
     break
#else
     load(me, looks, looks_now, ordered);
     if
     :: looks_now == seen_looks -> held = word; break
     :: else -> seen_looks = looks_now
     fi;
     load(me, current, word, ordered)
#endif
  od
}

proctype Reader(byte me) {
  short word, held, seen_looks, looks_now, value, got;
  byte gets, last;
  {
    /* make_page, then announce() */
#ifdef PAGE_AFTER_ANNOUNCE
    exchange(me, generation, memory[generation].now + 1, got);
    page_is_there[me] = true;
#else
    page_is_there[me] = true;
    exchange(me, generation, memory[generation].now + 1, got);
#endif
    do
    :: gets == GETS -> break
    :: else ->
       hold_current();
       gets++;
       if
       :: held == 0
       :: else ->
          store(me, use(me), slot_of(held) + 1, relaxed);
          load(me, slot(slot_of(held)), value, relaxed);
          assert(value == version_of(held));
          assert(value >= last);
          last = value
       fi
    od
  } may_die(me)
}

proctype Death(byte who) {
  dies[who] = true
}

init {
  byte i;
  atomic {
    begin_memory();
    run Writer();
    for (i : 0 .. READERS - 1) {
      run Reader(i);
#ifdef DEATHS
      if
      :: run Death(i)
      :: skip
      fi
#endif
    }
    i = 0
  }
}
