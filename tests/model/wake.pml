/* Sleep and wake-up at a ring: publish, then wake, and death wakes too.
   Code: TopicWriter::commit, BellFolder::wake_readers, BellWaiter (be_attentive, be_inattentive, announce_sleep, rest_until), TopicReader::wait_asleep;
   the other way round TopicWriter::make_room and TopicReader::tell_cursor. A channel's ends do the same with words of their own.

   The ring itself is ring.pml; here it is a count of records that were published, and a cursor of each reader. It has room for one record.
   Nobody looks every 50 ms here while nobody has died: who would sleep on for ever, with something to do, is a deadlock. Once
   somebody has died, sleepers look, as the code does every 50 ms.

   Proven: nobody sleeps through a record or through room that has come; with deaths at any step, each reader that lives has read what the writer
   has published when it is told of the writer's death, and a writer that lives is not held up by dead readers.

   proof quick
   proof -DRECORDS=3
   proof -DDEATHS
   proof -DREADERS=2 -DRECORDS=1

   fault NO_WRITER_FENCE        no fence between a publication and the look for sleepers
   fault NO_READER_FENCE        no fence between the announcement of sleep and the last look
   fault NO_BARRIER             whoever becomes attentive has no barrier run on the writer's processor
   fault WAKE_BEFORE_PUBLISH    sleepers are woken before the record is there
   fault NO_RELOOK              no look between the announcement and the sleep
   fault NOT_ATTENTIVE          sleepers do not become attentive
   fault NO_ROOM_FENCE          no fence between a cursor and the look for a writer that waits
   fault NO_ROOM_RELOOK         the writer does not look for room again once it has said that it waits
   fault ROOM_NOT_COUNTED       the word that a writer sleeps on is not changed before it is woken
   fault DEATH_DOES_NOT_WAKE -DDEATHS -DRECORDS=1  nobody looks whether somebody has died */

#ifndef READERS
#define READERS 1
#endif
#ifndef RECORDS
#define RECORDS 2
#endif

#define published 0
#define attentive 1
#define sleeping 2
#define room 3
#define waiting 4
#define cursor(r) (5 + (r))
#define VARIABLES (5 + READERS)
#define THREADS (READERS + 1)
#include "memory.pml"

#ifdef DEATHS
#define may_die(me) unless { dies[me] }
#else
#define may_die(me)
#endif

#define writer READERS
bool asleep[THREADS];  /* on its futex, as the kernel knows */
bool dies[THREADS];
bool dead[THREADS];    /* its lock came free, or its pidfd became readable */
bool somebody_died;

/* The kernel compares and puts to sleep in one step. */
inline sleep_on(me, x, value) {
  atomic {
    if
    :: memory[x].now == (value) -> asleep[me] = true
    :: else
    fi
  }
#ifdef DEATH_DOES_NOT_WAKE
  !asleep[me];
#else
  if
  :: !asleep[me]
  :: somebody_died -> asleep[me] = false
  fi
#endif
}

inline wake_readers() {
  d_step {
    for (each : 0 .. READERS - 1) { asleep[each] = false }
    each = 0
  }
}

inline look_for_sleepers() {
  load(writer, attentive, got, relaxed);
  if
  :: got != 0 ->
#ifndef NO_WRITER_FENCE
     fence(writer);
#endif
     load(writer, sleeping, got, relaxed);
     if
     :: got != 0 ->
        exchange(writer, sleeping, 0, got);
        if
        :: got != 0 -> wake_readers()
        :: else
        fi
     :: else
     fi
  :: else
  fi
}

/* `has_room` is true when no reader that may live is a whole ring behind. */
inline try_to_make_room() {
  has_room = true;
  for (r : 0 .. READERS - 1) {
    if
    :: known_dead[r]
    :: else ->
       load(writer, cursor(r), got, ordered);
       if
       :: got < records -> has_room = false
       :: else
       fi
    fi
  }
  r = 0
}

inline drop_dead_readers() {
  d_step {
    for (r : 0 .. READERS - 1) { known_dead[r] = known_dead[r] || dead[r] }
    r = 0
  }
}

inline make_room() {
  try_to_make_room();
  do
  :: has_room -> break
  :: else ->
     load(writer, room, seen_room, ordered);
     store(writer, waiting, 1, ordered);
     fence(writer);
#ifndef NO_ROOM_RELOOK
     try_to_make_room();
     if
     :: has_room -> break
     :: else
     fi;
#endif
     sleep_on(writer, room, seen_room);
     drop_dead_readers();
     try_to_make_room()
  od
}

proctype Writer() {
  byte records, r;
  short got, seen_room;
  bool has_room, known_dead[READERS];
  {
    do
    :: records == RECORDS -> break
    :: else ->
       make_room();
#ifdef WAKE_BEFORE_PUBLISH
       look_for_sleepers();
#endif
       store(writer, published, records + 1, ordered);
       records++;
#ifndef WAKE_BEFORE_PUBLISH
       look_for_sleepers()
#endif
    od
  } may_die(writer)
}

inline become_attentive() {
  if
  :: !is_attentive ->
     is_attentive = true;
#ifndef NOT_ATTENTIVE
     exchange(me, attentive, memory[attentive].now + 1, got);
#endif
#ifndef NO_BARRIER
     /* membarrier(2): a fence on each processor, at some time during the call */
     fence(me);
     for (other : 0 .. THREADS - 1) {
       if
       :: other != me -> fence(other)
       :: else
       fi
     }
     other = 0;
     fence(me)
#endif
  :: else
  fi
}

/* Received without a sleep, many times: the writer need not look any more. */
inline become_inattentive() {
  is_attentive = false;
#ifndef NOT_ATTENTIVE
  exchange(me, attentive, memory[attentive].now - 1, got)
#endif
}

inline tell_cursor() {
  store(me, cursor(me), records, ordered);
#ifndef NO_ROOM_FENCE
  fence(me);
#endif
  load(me, waiting, got, relaxed);
  if
  :: got != 0 ->
     exchange(me, waiting, 0, got);
     if
     :: got != 0 ->
#ifndef ROOM_NOT_COUNTED
        exchange(me, room, memory[room].now + 1, got);
#endif
        asleep[writer] = false
     :: else
     fi
  :: else
  fi
}

proctype Reader(byte me) {
  byte records, other;
  short got, seen;
  bool is_attentive, found, writer_is_dead;
  {
    do
    :: records == RECORDS -> break
    :: else ->
       writer_is_dead = dead[writer];  /* first the death is seen, then the ring is looked at */
       load(me, published, seen, ordered);
       if
       :: seen > records ->
          records++;
          tell_cursor();
          if
          :: is_attentive -> become_inattentive()
          :: true
          fi
       :: seen == records && writer_is_dead ->
          /* The kernel tells of a death after all that the dead one did. */
          assert(records == memory[published].now || !(thread[me].knows & BIT(published)));
          fence(me);
          load(me, published, seen, ordered);
          if
          :: seen == records -> assert(records == memory[published].now); break
          :: else
          fi
       :: else ->
          become_attentive();
          store(me, sleeping, 1, ordered);
#ifndef NO_READER_FENCE
          fence(me);
#endif
#ifndef NO_RELOOK
          load(me, published, seen, ordered);
#endif
          if
          :: seen > records
          :: else -> sleep_on(me, sleeping, 1)
          fi
       fi
    od
  } may_die(me)
}

/* The kernel runs a full barrier on the processor of the one that ends, before it gives its locks up. */
proctype Death(byte who) {
  atomic { dies[who] = true }
  atomic {
    fence(who);
    dead[who] = true;
    somebody_died = true
  }
}

init {
  byte i;
  atomic {
    begin_memory();
    run Writer();
    for (i : 0 .. READERS - 1) { run Reader(i) }
#ifdef DEATHS
    for (i : 0 .. THREADS - 1) {
      if
      :: run Death(i)
      :: skip
      fi
    }
#endif
    i = 0
  }
}
