/* The ring: records are published in place, and readers join while the writer goes on.
   Code: RingWriter::commit, RingReader::look, TopicWriter (make_room, try_to_make_room, look_for_readers, held_at, slowest), TopicReader (open,
   look_for_rings, tell_cursor), AttachedRing (try_to_start_at, start_at_tail, skip_to_last).

   A record has the size of one unit of the ring; its word and its payload are a variable each. A position is a number of records.
   Reader 0 is there before the ring and has not looked since, so it is to get everything; the others join at any time.

   Proven: a reader that has joined, and lives, finds at each position the record of that position, whole, until it ends; nothing is
   overwritten that it still reads or has not read, nor may be; the early reader misses nothing; who joins finds a place to begin; the writer goes on past the dead.

   proof -DRECORDS=3
   proof -DRECORDS=4
   proof -DRECORDS=3 -DDEATHS

   fault WORD_RELAXED          the word of a record is stored without release
   fault WORD_BEFORE_PAYLOAD   ... before the payload
   fault NEXT_NOT_ZEROED       the word of the next record is not zeroed before: it is still that of a lap ago
   fault NO_WRITER_FENCE       no fence between the promise and the look at the cursors
   fault NO_READER_FENCE       no fence between a new cursor and the look at the promise
   fault LOOK_BEFORE_PROMISE   the cursors are looked at before the promise is made
   fault KNOWN_NOT_KEPT        what is promised during the look is more than those have left who are known already
   fault PROMISE_TAKEN_BACK    a promise goes back below what was used of it, for the sake of a cursor that has just been told
   fault PROMISE_NOT_CHECKED   a reader starts at the tail and does not look at the promise
   fault PAGE_AFTER_ANNOUNCE   a reader counts the bell's generation up before its page is there
   fault SEEN_BEFORE_CURSOR    a reader says that it has looked for rings before it has told its cursor
   fault CURSOR_BEFORE_READ    a cursor is told while the record is still read
   fault CURSOR_RELAXED        ... without release
   fault EARLY_IS_NOT_AWAITED  whoever came before the ring and has not looked yet does not hold it
   fault NO_ROOM_FOR_NEXT_WORD the writer does not ask for room for the word of the next record */

#ifndef READERS
#define READERS 1
#endif
#ifndef RECORDS
#define RECORDS 4
#endif
#define CAPACITY 3
#define STEP 2     /* what the writer asks for at the least, as the code asks for 1/8 of the ring */

#define word(position) ((position) % CAPACITY)
#define payload(position) (CAPACITY + (position) % CAPACITY)
#define tail (2 * CAPACITY)
#define promised (2 * CAPACITY + 1)
#define generation (2 * CAPACITY + 2)
#define cursor(r) (2 * CAPACITY + 3 + (r))
#define attached(r) (2 * CAPACITY + 3 + READERS + (r))  /* the incarnation beside the cursor: this ring's */
#define seen_generation(r) (2 * CAPACITY + 3 + 2 * READERS + (r))
#define use(r) (2 * CAPACITY + 3 + 3 * READERS + (r))
#define VARIABLES (2 * CAPACITY + 3 + 4 * READERS)
#define THREADS (READERS + 1)
#include "memory.pml"

#ifdef DEATHS
#define may_die(me) unless { dies[me] }
#else
#define may_die(me)
#endif

#define writer READERS
#define early 0
#define own_generation 1
bool page_is_there[READERS];      /* in the folder */
byte joined_generation[READERS];  /* in it, and never changed */
bool dies[READERS];
bool dead[READERS];
byte limit;                       /* up to here the writer may write */
bool has_started[READERS];        /* has found that it may begin at its cursor */
bool tell_at_once;
bool ended;                       /* the writer, in good order */

/* What of this ring may not be overwritten for the sake of reader r: a position, or the tail. */
inline held_at(r, position) {
  load(writer, attached(r), got, ordered);
  if
  :: got != 0 -> load(writer, cursor(r), position, ordered)
  :: else ->
     load(writer, seen_generation(r), got, ordered);
#ifdef EARLY_IS_NOT_AWAITED
     position = at
#else
     if
     :: joined_generation[r] < own_generation && got < own_generation -> position = 0
     :: else -> position = at
     fi
#endif
  fi
}

inline look_for_readers() {
  load(writer, generation, got, ordered);
  if
  :: got != generation_known ->
     generation_known = got;
     d_step { for (r : 0 .. READERS - 1) { page_is_known[r] = page_is_there[r] } r = 0 }
  :: else
  fi
}

/* Of those who are known; what was found before is not taken back. */
inline look_at_cursors() {
  for (r : 0 .. READERS - 1) {
    if
    :: page_is_known[r] && !known_dead[r] ->
       position = at;
       held_at(r, position);
       if
       :: position < slowest -> slowest = position
       :: else
       fi
    :: else
    fi
  }
  r = 0; position = 0
}

/* The word of the next record is zeroed with this one: there has to be room for it too. */
#ifdef NO_ROOM_FOR_NEXT_WORD
#define NEEDED 1
#else
#define NEEDED 2
#endif

/* What was used of an earlier promise is not taken back: a reader whose cursor is seen may not have looked at the promise yet. */
inline promise(amount) {
  told = amount;
#ifndef PROMISE_TAKEN_BACK
  told = ((told > limit) -> told : limit);
#endif
  store(writer, promised, told, ordered)
}

inline try_to_make_room() {
  store(writer, tail, at, ordered);
  wanted = ((at + STEP > at + NEEDED) -> at + STEP : at + NEEDED);
  if
  :: wanted > own_promise ->
     slowest = at;
#ifdef LOOK_BEFORE_PROMISE
     look_for_readers();
#endif
#ifndef KNOWN_NOT_KEPT
     look_at_cursors();
#endif
     promise(slowest + CAPACITY);
#ifndef NO_WRITER_FENCE
     fence(writer);
#endif
#ifndef LOOK_BEFORE_PROMISE
     look_for_readers();
     look_at_cursors();
#endif
     own_promise = slowest + CAPACITY;
     slowest = 0;
     promise(own_promise)
  :: else
  fi;
  wanted = ((wanted < own_promise) -> wanted : own_promise);
  if
  :: wanted >= at + NEEDED ->
     d_step {
       limit = wanted;
       for (r : 0 .. READERS - 1) {
         assert(!has_started[r] || known_dead[r] || limit <= memory[cursor(r)].now + CAPACITY)
       }
       r = 0
     }
  :: else
  fi;
  wanted = 0
}

inline write_payload() {
  d_step {
    for (r : 0 .. READERS - 1) { assert(knows_no_use(writer, use(r), word(at) + 1)) }
    r = 0
  }
  store(writer, payload(at), at + 1, relaxed)
}

proctype Writer() {
  byte at, own_promise, wanted, told, slowest, r;
  short got, generation_known, position;
  bool page_is_known[READERS], known_dead[READERS];
  do
  :: at == RECORDS -> break
  :: else ->
     do
     :: at + NEEDED <= limit -> break
     :: else ->
        d_step { for (r : 0 .. READERS - 1) { known_dead[r] = known_dead[r] || dead[r] } r = 0 }
        try_to_make_room()
     od;
     atomic {
#ifndef WORD_BEFORE_PAYLOAD
       write_payload();
#endif
#ifndef NEXT_NOT_ZEROED
       store(writer, word(at + 1), 0, relaxed)
#endif
     }
#ifdef WORD_RELAXED
     store(writer, word(at), at + 1, relaxed);
#else
     store(writer, word(at), at + 1, ordered);
#endif
#ifdef WORD_BEFORE_PAYLOAD
     write_payload();
#endif
     at++
  od;
  fence(writer);  /* in the kernel, which is told to free its lock */
  ended = true
}

inline try_to_start_at(position) {
  store(me, cursor(me), position, ordered);
#ifndef NO_READER_FENCE
  fence(me);
#endif
#ifdef PROMISE_NOT_CHECKED
  started = true;
#else
  load(me, promised, got, ordered);
  started = (got <= position + CAPACITY);
#endif
  at = position;
  d_step {
    if
    :: started -> has_started[me] = true; assert(limit <= at + CAPACITY)
    :: else
    fi
  }
}

inline start_at_tail() {
  started = false;
  do
  :: started -> break
  :: else ->
     load(me, tail, got, ordered);
     start = got;
     try_to_start_at(start)
  od;
  start = 0;
  /* skip_to_last: past what is there */
  do
  :: skipped == CAPACITY -> break
  :: else ->
     load(me, word(at), got, ordered);
     if
     :: got == 0 -> break
     :: else -> assert(got == at + 1); at++; skipped++
     fi
  od;
  skipped = 0;
  store(me, cursor(me), at, ordered)
}

inline join() {
#ifdef SEEN_BEFORE_CURSOR
  load(me, generation, got, ordered);
  store(me, seen_generation(me), got, ordered);
#endif
  store(me, cursor(me), 0, ordered);
  store(me, attached(me), 1, ordered);
  if
  :: joined_generation[me] < own_generation -> try_to_start_at(0); assert(started)
  :: else -> start_at_tail()
  fi;
#ifndef SEEN_BEFORE_CURSOR
  load(me, generation, got, ordered);
  store(me, seen_generation(me), got, ordered);
#endif
}

inline tell_cursor() {
#ifdef CURSOR_RELAXED
  store(me, cursor(me), at, relaxed)
#else
  store(me, cursor(me), at, ordered)
#endif
}

proctype Reader(byte me) {
  short got, value;
  byte at, start, skipped;
  bool started, over;
  {
    if
    :: me == early && page_is_there[me]
    :: else ->
       joined_generation[me] = memory[generation].now;
#ifdef PAGE_AFTER_ANNOUNCE
       exchange(me, generation, memory[generation].now + 1, got);
       page_is_there[me] = true;
#else
       page_is_there[me] = true;
       exchange(me, generation, memory[generation].now + 1, got);
#endif
    fi;
    join();
    do
    :: atomic {
         over = ended;  /* its end is told by the kernel, after all that it did */
         if
         :: over -> fence(me)
         :: else
         fi;
         load(me, word(at), got, ordered)
       }
       if
       :: got != 0 ->
          assert(got == at + 1);
          atomic {
            store(me, use(me), word(at) + 1, relaxed);
            load(me, payload(at), value, relaxed);
            assert(value == at + 1);
            at++;
            value = 0
          }
          if  /* rarely told: every 1/8 of the ring */
          :: tell_at_once ->
#ifdef CURSOR_BEFORE_READ
             tell_cursor();
             store(me, use(me), 0, relaxed)
#else
             atomic { store(me, use(me), 0, relaxed); tell_cursor() }
#endif
          :: else -> store(me, use(me), 0, relaxed)
          fi
       :: got == 0 && over -> assert(at == RECORDS || memory[word(at)].now == 0); break
       :: else -> tell_cursor()  /* and waits */
       fi
    od
  } may_die(me)
}
proctype Death(byte who) {
  dies[who] = true;
  fence(who);
  dead[who] = true
}

init {
  byte i;
  atomic {
    begin_memory();
    if
    :: tell_at_once = true
    :: tell_at_once = false
    fi;
    /* the bell's generation when the ring appeared; the early reader joined before that */
    store(writer, generation, own_generation, ordered);
    if
    :: page_is_there[early] = true
    :: true
    fi;
    for (i : 0 .. THREADS - 1) { fence(i) }
    i = 0;
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
