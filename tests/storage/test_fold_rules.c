/*
 * The rules of the fold, a row each (docs/fold.md). Times are ms; the default tariff is free for
 * 1800000 of them, so fees are 0 unless a row is about money.
 */
#include "support_fold.h"
#include "tests/support_main.h"

#include <check.h>

#include <stdio.h>
#include <string.h>

struct rule {
    const char *says;
    const char *script;
    const char *expected;
};

static const struct rule walk_rules[] = {
    {"an entry opens a visit", "entry v1 A 100;", "v1 A IN 100"},
    {"an exit that names it closes it", "entry v1 A 100; exit v1 A 200 cam=7;",
     "v1 A OUT 100-200 exitcam=7"},
    {"whatever plate was read", "entry v1 A 100; exit v1 B 200;", "v1 A OUT 100-200"},
    {"even none", "entry v1 A 100; exit v1 - 200;", "v1 A OUT 100-200"},
    {"an exit without a visit closes what is open", "entry v1 A 100; exit - A 200;",
     "v1 A OUT 100-200"},
    {"so does one that names an unknown visit", "entry v1 A 100; exit v9 A 200;",
     "v1 A OUT 100-200"},
    {"else it waits as an orphan", "exit v9 A 50; exit - A 60; entry v1 A 100;",
     "v1 A IN 100 | ORPHAN_EXIT v9; ORPHAN_EXIT -"},
    {"an exit without plate and known visit is nothing", "entry v1 A 100; exit v9 - 200;",
     "v1 A IN 100"},
    {"the order of arrival does not matter", "exit - A 200; entry v1 A 100;", "v1 A OUT 100-200"},
    {"a second entry soon after at the same central is a duplicate",
     "entry v1 A 100; entry v2 A 60100;",
     "v1 A IN 100; v2 A SUPERSEDED 60100 by=v1 | DUPLICATE v2>v1"},
    {"later it is a conflict", "entry v1 A 100; entry v2 A 60101;",
     "v1 A IN 100; v2 A SUPERSEDED 60101 by=v1 | CONFLICT v2>v1"},
    {"and so it is at another central", "entry v1 A 100; entry v2 A 200 central=B;",
     "v1 A IN 100; v2 A SUPERSEDED 200 by=v1 | CONFLICT v2>v1"},
    {"an earlier entry that arrives later takes over", "entry v2 A 200 central=B; entry v1 A 100;",
     "v1 A IN 100; v2 A SUPERSEDED 200 by=v1 | CONFLICT v2>v1"},
    {"at one instant the smaller id is first", "entry v2 A 100 node=B; entry v1 A 100;",
     "v1 A IN 100; v2 A SUPERSEDED 100 by=v1 | CONFLICT v2>v1"},
    {"an exit that names a superseded visit closes its superseder",
     "entry v1 A 100; entry v2 A 200; exit v2 A 300;",
     "v1 A OUT 100-300; v2 A SUPERSEDED 200 by=v1 | DUPLICATE v2>v1"},
    {"also up a chain",
     "seen v0 A 50 loc=L; entry v1 A 100 suspect=1; entry v2 A 200; exit v1 A 400; exit v0 A 500;",
     "v0 A SUPERSEDED 50 by=v1 loc=L:50 weak; v1 A SUPERSEDED 100 by=v2 suspect; "
     "v2 A OUT 200-400 | CONFLICT v1>v2; EXTRA_EXIT v2"},
    {"after an exit the plate may enter again", "entry v1 A 100; exit - A 200; entry v2 A 300;",
     "v1 A OUT 100-200; v2 A IN 300"},
    {"entry comes before exit at one instant", "exit - A 100; entry v1 A 100;", "v1 A OUT 100-100"},
    {"an exit named before its entry closes it at zero duration",
     "exit v1 A 50 cam=7; entry v1 A 100;", "v1 A OUT 100-100 exitcam=7 | EXIT_BEFORE_ENTRY v1"},
    {"and that visit takes part in nothing else",
     "entry v0 A 60; exit v1 A 50; entry v1 A 100; entry v2 A 90 node=B; exit - A 200;",
     "v0 A OUT 60-200; v1 A OUT 100-100; v2 A SUPERSEDED 90 by=v0 | "
     "EXIT_BEFORE_ENTRY v1; CONFLICT v2>v0"},
    {"a second early exit is left over", "exit v1 A 50; exit v1 A 60; entry v1 A 100;",
     "v1 A OUT 100-100 | EXIT_BEFORE_ENTRY v1; EXTRA_EXIT v1"},
    {"the earliest exit wins", "entry v1 A 100; exit v1 A 300 cam=2; exit v1 A 200 cam=1;",
     "v1 A OUT 100-200 exitcam=1 | EXTRA_EXIT v1"},
    {"two that took money are worth a look",
     "entry v1 A 100; exit v1 A 200 fee=5; "
     "exit v1 A 300 fee=6;",
     "v1 A OUT 100-200 fee=5 | DOUBLE_EXIT v1"},
    {"but not when one was free", "entry v1 A 100; exit v1 A 200 fee=5; exit v1 A 300 fee=0;",
     "v1 A OUT 100-200 fee=5 | EXTRA_EXIT v1"},
    {"one exit through two gateways is one",
     "entry v1 A 100; exit v1 A 200 cam=1 node=B central=A; exit v1 A 200 cam=2 central=A;",
     "v1 A OUT 100-200 exitcam=1"},
    {"of the same central only", "entry v1 A 100; exit v1 A 200 node=B; exit v1 A 200;",
     "v1 A OUT 100-200 | EXTRA_EXIT v1"},
    {"visits of other plates are not shown", "entry v1 B 100; entry v2 A 100; exit - B 150;",
     "v2 A IN 100"},
    {"several plates", "plates B A; entry v1 B 100; entry v2 A 100; exit - B 150;",
     "v1 B OUT 100-150; v2 A IN 100"},
};

static const struct rule told_twice_rules[] = {
    {"an exit told live, and by the row of its visit in whole seconds, is one",
     "entry v1 A 1000; exit k A 5300 fee=5 cam=1; exit v1 A 5000 fee=5 cam=2;",
     "v1 A OUT 1000-5000 fee=5 exitcam=2"},
    {"whichever is the earlier",
     "entry v1 A 1000; exit k A 5000 fee=5 cam=1; exit v1 A 5300 fee=5 cam=2;",
     "v1 A OUT 1000-5300 fee=5 exitcam=2"},
    {"two times with milliseconds are two",
     "entry v1 A 1000; exit k A 5200 fee=5; exit v1 A 5300 fee=5;",
     "v1 A OUT 1000-5200 fee=5 | DOUBLE_EXIT v1"},
    {"and so are two seconds", "entry v1 A 1000; exit k A 5000; exit v1 A 6000;",
     "v1 A OUT 1000-5000 | EXTRA_EXIT v1"},
    {"a row of an older system tells it, too",
     "entry v1 A 1000; exit k A 5300 fee=5 cam=1; import v1 A 1000 status=OUT exit=5000 fee=5 "
     "node=B;",
     "v1 A OUT 1000-5000 fee=5"},
    {"the next visit of that second has an exit of its own",
     "entry v1 A 1000; exit v1 A 5000; exit k1 A 5100; entry v2 A 5200; exit k2 A 5300;",
     "v1 A OUT 1000-5000; v2 A OUT 5200-5300"},
    {"named by a superseded visit it is still one",
     "entry v1 A 1000; entry v2 A 2000 node=B; exit k A 5300 fee=5; exit v2 A 5000 fee=5;",
     "v1 A OUT 1000-5000 fee=5; v2 A SUPERSEDED 2000 by=v1 | CONFLICT v2>v1"},
    {"named by both it is still one",
     "entry v1 A 1000; entry v2 A 2000 node=B; exit v1 A 5300 fee=5; exit v2 A 5000 fee=5;",
     "v1 A OUT 1000-5000 fee=5; v2 A SUPERSEDED 2000 by=v1 | CONFLICT v2>v1"},
    {"an exit of the entry's second is not before it", "entry v1 A 5700; exit v1 A 5000;",
     "v1 A OUT 5700-5700"},
    {"nor is that of a row", "entry v1 A 5700; import v1 A 5000 status=OUT exit=5000 node=B;",
     "v1 A OUT 5700-5700"},
    {"with milliseconds it is", "entry v1 A 5700; exit v1 A 5100;",
     "v1 A OUT 5700-5700 | EXIT_BEFORE_ENTRY v1"},
    {"hearsay gives way to the own row of who saw the entry",
     "entry v1 B 1300 node=B central=C cam=1; import v1 A 1000 node=C cam=2 status=IN;",
     "v1 A IN 1000"},
    {"but not to a copy of that row",
     "entry v1 A 1300 node=B central=C cam=1; "
     "import v1 A 1000 node=D central=C cam=2 status=IN;",
     "v1 A IN 1300"},
    {"nor to an anomaly",
     "entry v1 A 1300 node=B central=C cam=1; import v1 A 1000 node=C cam=2 anomaly=1;",
     "v1 A IN 1300"},
    {"who saw it himself is no hearsay",
     "entry v1 A 1300 node=C cam=1; import v1 A 1000 node=C cam=2 status=IN;", "v1 A IN 1300"},
    {"who enters again at a central of which we only hear has left it",
     "entry v1 A 1000 node=B central=C; entry v2 A 900000 node=B central=C; exit - A 990000;",
     "v1 A SUPERSEDED 1000 by=v2; v2 A OUT 900000-990000 | CONFLICT v1>v2"},
    {"unless the exit comes after all",
     "entry v1 A 1000 node=B central=C; entry v2 A 900000 node=B central=C; exit - A 990000; "
     "exit v1 A 800000 node=B central=C;",
     "v1 A OUT 1000-800000; v2 A OUT 900000-990000"},
    {"or the earlier entry is heard of last",
     "entry v2 A 900000 node=B central=C; entry v1 A 1000 node=B central=C;",
     "v1 A IN 1000; v2 A SUPERSEDED 900000 by=v1 | CONFLICT v2>v1"},
    {"or within a minute", "entry v1 A 1000 node=B central=C; entry v2 A 61000 node=B central=C;",
     "v1 A IN 1000; v2 A SUPERSEDED 61000 by=v1 | DUPLICATE v2>v1"},
    {"or at another central",
     "entry v1 A 1000 node=B central=C; entry v2 A 900000 node=B central=D;",
     "v1 A IN 1000; v2 A SUPERSEDED 900000 by=v1 | CONFLICT v2>v1"},
    {"or where it is no hearsay", "entry v1 A 1000 node=C; entry v2 A 900000 node=B central=C;",
     "v1 A IN 1000; v2 A SUPERSEDED 900000 by=v1 | CONFLICT v2>v1"},
    {"or with a wrong clock",
     "entry v1 A 1000 node=B central=C; entry v2 A 900000 node=B central=C suspect=1;",
     "v1 A IN 1000; v2 A SUPERSEDED 900000 by=v1 suspect | CONFLICT v2>v1"},
    {"and then collides",
     "entry v1 A 1300 node=B central=C hlc=1; entry v1 B 1300 node=D hlc=2; "
     "import v1 A 1000 node=C status=IN;",
     "v1 A IN 1000 | ID_COLLISION v1"},
};

static const struct rule visit_rules[] = {
    {"one id logged by two centrals is one visit",
     "entry v1 A 100 node=B central=A; "
     "entry v1 A 101;",
     "v1 A IN 100"},
    {"the smallest stamp is the entry", "entry v1 A 100 hlc=9; entry v1 A 101 hlc=8;",
     "v1 A IN 101"},
    {"another plate under the same id is listed", "entry v1 A 100; entry v1 B 101;",
     "v1 A IN 100 | ID_COLLISION v1"},
    {"an entry without a visit is nothing", "entry - A 100; entry v1 - 100;", ""},
    {"kinds of a newer version are nothing",
     "entry v1 A 100; future v1 A 200; "
     "confirmed v1 A 300;",
     "v1 A IN 100"},
    {"a redacted event is nothing", "entry v1 A 100 redacted=1; exit - A 200 redacted=1;", ""},
    {"an edit moves a visit to another plate", "entry v1 B 100; edit v1 A 0; exit v1 B 300;",
     "v1 A OUT 100-300"},
    {"and away from the first", "entry v1 A 100; edit v1 B 0; exit v1 A 300;", ""},
    {"the last edit wins", "entry v1 B 100; edit v1 A 0 sup=3 hlc=9; edit v1 C 0 hlc=8;",
     "v1 A IN 100"},
    {"unless the other one had seen it",
     "plates B C; entry v1 B 100; edit v1 A 0 hlc=9; "
     "edit v1 C 0 hlc=8 sup=2;",
     "v1 C IN 100"},
    {"deletion beats edit", "entry v1 A 100; delete v1 A 0 hlc=5; edit v1 A 0 hlc=6;",
     "v1 A DELETED 100"},
    {"an edit that saw the deletion undoes it",
     "entry v1 A 100; delete v1 A 0; "
     "undelete v1 A 0 sup=2;",
     "v1 A IN 100"},
    {"superseding in a circle supersedes nothing",
     "entry v1 A 100; edit v1 A 0 entry=110 sup=3; edit v1 A 0 entry=120 sup=2;", "v1 A IN 120"},
    {"a moved change is known by its former place",
     "entry v1 A 100; delete v1 A 0 moved=50; undelete v1 A 0 sup=50;", "v1 A IN 100"},
    {"but not by another one", "entry v1 A 100; delete v1 A 0 moved=50; undelete v1 A 0 sup=51;",
     "v1 A DELETED 100"},
    {"nor does superseding oneself", "entry v1 A 100; edit v1 A 0 entry=110 sup=2;", "v1 A IN 110"},
    {"a superseded change still supersedes",
     "entry v1 A 100; delete v1 A 0; "
     "edit v1 A 0 sup=2 hlc=9; edit v1 A 0 sup=3 entry=120 hlc=8;",
     "v1 A IN 120"},
    {"a change of nothing known is nothing", "edit v1 A 0; delete v2 A 0;", ""},
    {"a deleted visit makes room", "entry v1 A 100; entry v2 A 200; delete v1 A 0;",
     "v1 A DELETED 100; v2 A IN 200"},
    {"and keeps its exits",
     "entry v1 A 100; exit v1 A 300 cam=2; exit v1 A 200 cam=1; "
     "delete v1 A 0; entry v2 A 150 node=B;",
     "v1 A DELETED 100-300 exitcam=2; v2 A IN 150"},
    {"never before its entry", "entry v1 A 100; exit v1 A 50; delete v1 A 0;",
     "v1 A DELETED 100-100"},
    {"a corrected entry time", "entry v1 A 100; edit v1 A 0 entry=50; exit - A 70;",
     "v1 A OUT 50-70"},
    {"a corrected exit time ends the visit", "entry v1 A 100; edit v1 A 0 exit=300;",
     "v1 A OUT 100-300"},
    {"exits until then give camera and fee",
     "entry v1 A 100; edit v1 A 0 exit=300; "
     "exit - A 200 cam=1 fee=5; exit - A 250 cam=2;",
     "v1 A OUT 100-300 fee=5 exitcam=1 | EXTRA_EXIT v1"},
    {"named ones also after it",
     "entry v1 A 100; edit v1 A 0 exit=300; exit v1 A 400 cam=1; "
     "exit - A 500;",
     "v1 A OUT 100-300 exitcam=1 | ORPHAN_EXIT -"},
    {"and before the entry", "entry v1 A 100; edit v1 A 0 exit=300; exit v1 A 50 cam=1;",
     "v1 A OUT 100-300 exitcam=1"},
    {"an end is never before the entry", "entry v1 A 100; edit v1 A 0 exit=50;",
     "v1 A OUT 100-100"},
    {"opened again: exits from before do not close it",
     "entry v1 A 100; exit v1 A 200; "
     "edit v1 A 0 exit=REOPEN;",
     "v1 A IN 100 | EXTRA_EXIT v1"},
    {"exits from after do",
     "entry v1 A 100; exit v1 A 200; edit v1 A 0 exit=REOPEN; "
     "exit - A 300 cam=2;",
     "v1 A OUT 100-300 exitcam=2 | EXTRA_EXIT v1"},
    {"a later edit does not bring the first exit back",
     "entry v1 B 100; exit v1 B 200; "
     "edit v1 B 0 exit=REOPEN; exit v1 B 300 cam=2; edit v1 A 0 sup=3;",
     "v1 A OUT 100-300 exitcam=2 | EXTRA_EXIT v1"},
    {"but a time does",
     "entry v1 A 100; exit v1 A 200 cam=1; edit v1 A 0 exit=REOPEN; "
     "edit v1 A 0 exit=250 sup=3;",
     "v1 A OUT 100-250 exitcam=1"},
    {"the exit of a visit that is superseded after all is left over",
     "entry v1 A 100 suspect=1; edit v1 A 0 exit=300; exit - A 150; entry v2 A 200;",
     "v1 A SUPERSEDED 100 by=v2 suspect; v2 A IN 200 | CONFLICT v1>v2; EXTRA_EXIT v1"},
};

static const struct rule doubt_rules[] = {
    {"a suspect entry gives way to one that is not", "entry v1 A 100 suspect=1; entry v2 A 200;",
     "v1 A SUPERSEDED 100 by=v2 suspect; v2 A IN 200 | CONFLICT v1>v2"},
    {"but not to another suspect", "entry v1 A 100 suspect=1; entry v2 A 200 suspect=1;",
     "v1 A IN 100 suspect; v2 A SUPERSEDED 200 by=v1 suspect | DUPLICATE v2>v1"},
    {"a clock fix re-times and cures",
     "entry v1 A 100 suspect=1; entry v2 A 60200; "
     "fix A 1 1 50;",
     "v1 A IN 150; v2 A SUPERSEDED 60200 by=v1 | CONFLICT v2>v1"},
    {"fixes add up, equal ones count once",
     "entry v1 A 100; fix A 1 1 50; fix A 1 9 50; "
     "fix A 1 1 50;",
     "v1 A IN 200"},
    {"only what they cover", "entry v1 A 100; exit - A 200; fix A 2 2 50; fix B 1 2 7;",
     "v1 A OUT 100-250"},
    {"a corrected time is not re-timed", "entry v1 A 100; edit v1 A 0 entry=120; fix A 1 9 50;",
     "v1 A IN 120"},
    {"times stay in range", "entry v1 A 5; fix A 1 1 -900;", "v1 A IN 0"},

    {"a sighting of a plate that is not inside opens a weak visit", "seen v1 A 100 loc=L;",
     "v1 A IN 100 loc=L:100 weak"},
    {"one that is inside is seen there",
     "entry v1 A 100; seen v2 A 150 loc=L; "
     "seen v3 A 120 loc=M;",
     "v1 A IN 100 loc=L:150"},
    {"an entry that arrives late takes the sighting", "seen v2 A 150 loc=L; entry v1 A 100;",
     "v1 A IN 100 loc=L:150"},
    {"a real entry supersedes a weak visit without a word",
     "seen v1 A 100 loc=L; "
     "entry v2 A 200;",
     "v1 A SUPERSEDED 100 by=v2 loc=L:100 weak; v2 A IN 200"},
    {"without a visit id nothing opens", "seen - A 100 loc=L;", ""},
    {"nor without a place or a plate", "seen v1 A 100; seen v2 - 100 loc=L;", ""},
    {"a second sighting moves the weak visit", "seen v1 A 100 loc=L; seen v2 A 200 loc=M;",
     "v1 A IN 100 loc=M:200 weak"},
    {"an exit that names a visit that gave way means the open one",
     "entry v1 A 100; seen v2 A 150 loc=L; exit v2 B 200;", "v1 A OUT 100-200 loc=L:150"},
    {"a sighting after the exit says nothing of the visit",
     "entry v1 A 100; exit - A 200; seen v1 A 250 loc=L;", "v1 A OUT 100-200"},
    {"sightings follow the visit they name", "entry v1 B 100; seen v1 B 150 loc=L; edit v1 A 0;",
     "v1 A IN 100 loc=L:150"},
    {"and leave nothing behind", "entry v1 A 100; seen v1 A 150 loc=L; edit v1 B 0;", ""},
    {"an anomaly can be deleted", "seen v1 A 100 loc=L; delete v1 A 0;", "v1 A DELETED 100 weak"},
    {"and corrected, with its exit", "seen v1 B 100 loc=L; exit v1 B 200; edit v1 A 0;",
     "v1 A OUT 100-200 loc=L:100 weak"},

    {"an import is a visit", "import v1 A 100 status=IN;", "v1 A IN 100"},
    {"with its exit", "import v1 A 100 status=OUT exit=200 fee=9 exitcam=3 cam=2;",
     "v1 A OUT 100-200 fee=9 exitcam=3"},
    {"OUT beats IN", "import v1 A 90 status=IN exit=5; import v1 A 100 status=OUT exit=200;",
     "v1 A OUT 100-200"},
    {"the origin's row beats a copy",
     "import v1 A 90 status=IN central=B; "
     "import v1 A 100 status=IN central=B node=B;",
     "v1 A IN 100"},
    {"then the smallest time, then the smallest bytes",
     "import v1 A 90 body=b cam=1; import v1 A 90 body=a exit=200 status=IN; import v1 A 91;",
     "v1 A IN 90"},
    {"a real entry of the same id is the entry",
     "import v1 A 90 status=OUT exit=200; "
     "entry v1 A 100;",
     "v1 A OUT 100-200"},
    {"a real exit replaces the imported one",
     "import v1 A 90 status=OUT exit=200; "
     "exit v1 A 300;",
     "v1 A OUT 90-300"},
    {"OUT without a time ends at its entry", "import v1 A 90 status=OUT;", "v1 A OUT 90-90"},
    {"where it was seen last", "import v1 A 90 status=OUT exit=200 loc=L locms=150;",
     "v1 A OUT 90-200 loc=L:150"},
    {"is only about itself",
     "entry v0 A 50; import v1 A 90 loc=L locms=150; exit v0 A 60;"
     "exit v1 A 100; entry v2 A 140;",
     "v0 A OUT 50-60; v1 A OUT 90-100; v2 A IN 140"},
    {"an imported anomaly gives way to a real entry", "import v1 A 90 anomaly=1; entry v2 A 100;",
     "v1 A SUPERSEDED 90 by=v2 weak; v2 A IN 100"},
    {"but keeps its row when something is open", "entry v1 A 90; import v2 A 100 anomaly=1;",
     "v1 A IN 90; v2 A SUPERSEDED 100 by=v1 weak | DUPLICATE v2>v1"},
    {"a fix moves all times of an import",
     "import v1 A 90 status=OUT exit=200 loc=L locms=150; fix A 1 1 1000;",
     "v1 A OUT 1090-1200 loc=L:1150"},
};

static const struct rule fee_rules[] = {
    {"money taken is a fact", "entry v1 A 0; exit - A 9000000 fee=1;", "v1 A OUT 0-9000000 fee=1"},
    {"else the default tariff", "entry v1 A 0; exit - A 9000000;", "v1 A OUT 0-9000000 fee=50000"},
    {"free time is free", "entry v1 A 0; exit - A 1800999;", "v1 A OUT 0-1800999"},
    {"a started hour counts", "entry v1 A 0; exit - A 1801000;", "v1 A OUT 0-1801000 fee=25000"},
    {"the tariff in force at the exit",
     "tariff 100 0 10; tariff 5000000 0 20; tariff 200 0 15;"
     "entry v1 A 0; exit - A 3600000;",
     "v1 A OUT 0-3600000 fee=15"},
    {"at the same instant too", "tariff 3600000 0 15; entry v1 A 0; exit - A 3600000;",
     "v1 A OUT 0-3600000 fee=15"},
    {"a subscription pays nothing", "sub 0 s1 A - -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000"},
    {"within its days", "sub 0 s1 A 9000000 9000001; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000"},
    {"not before them", "sub 0 s1 A 9000001 -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"not after them", "sub 0 s1 A 0 9000000; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"nor when it is of another plate", "sub 0 s1 B - -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"nor while it is inactive", "sub 0 s1 A - - inactive; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"nor before it was set", "sub 9000001 s1 A - -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"nor once it was given to another plate",
     "sub 0 s1 A - -; sub 5 s1 B - -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"nor once it was removed",
     "sub 0 s1 A - -; sub 5 s1 - - - REMOVED; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"what was said later counts, whatever a clock said",
     "sub 7 s1 A - - inactive; sub 5 s1 A - -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000"},
    {"another subscription of the plate is enough",
     "sub 0 s1 A - - inactive; sub 0 s2 A - -; entry v1 A 0; exit - A 9000000;",
     "v1 A OUT 0-9000000"},
    {"the plate is the corrected one",
     "sub 0 s1 B - -; plates A B; entry v1 A 0; exit v1 A 9000000; edit v1 B 1;",
     "v1 B OUT 0-9000000"},
    {"money taken stays", "sub 0 s1 A - -; entry v1 A 0; exit - A 9000000 fee=50000;",
     "v1 A OUT 0-9000000 fee=50000"},
    {"the later stamp of two", "tariff 9 0 15; tariff 9 0 16; entry v1 A 0; exit - A 3600000;",
     "v1 A OUT 0-3600000 fee=16"},
    {"not one out of range",
     "tariff 9 -1 15; tariff 9 0 2000000000; entry v1 A 0; "
     "exit - A 3600000;",
     "v1 A OUT 0-3600000 fee=25000"},
    {"a negative fee is none", "entry v1 A 0; exit - A 3600000 fee=-4;",
     "v1 A OUT 0-3600000 fee=25000"},
    {"inside nothing is due", "entry v1 A 0; edit v1 A 0 fee=7;", "v1 A IN 0"},
    {"an administrator's fee", "entry v1 A 0; edit v1 A 0 fee=7; exit - A 3600000 fee=9;",
     "v1 A OUT 0-3600000 fee=7"},
    {"a fee that fits its tariff", "entry v1 A 0; exit - A 3600000 fee=10 free=0 per=10;",
     "v1 A OUT 0-3600000 fee=10"},
    {"one that the final times make wrong",
     "entry v1 A 0; edit v1 A 0 entry=3600000; exit - A 7200000 fee=20 free=0 per=10;",
     "v1 A OUT 3600000-7200000 fee=20 | FEE_DIFFERS v1"},
    {"needs the whole tariff", "entry v1 A 0; exit - A 3600000 fee=1 per=10;",
     "v1 A OUT 0-3600000 fee=1"},
    {"not for the deleted", "entry v1 A 0; exit v1 A 3600000 fee=1 free=0 per=10; delete v1 A 0;",
     "v1 A DELETED 0-3600000 fee=1"},
};

static void check_rules(const struct rule *rules, size_t count)
{
    struct buffer text = {0};
    int failures = 0;

    for (size_t i = 0; i < count; i++) {
        struct fold_case test = {0};
        struct fold_output output;

        fold_case_script(&test, rules[i].script);
        struct fold_input input = fold_case_input(&test);
        fold(&input, &output);
        buffer_clear(&text);
        fold_case_text(&output, &text);
        if (strcmp(text.data, rules[i].expected) != 0) {
            failures++;
            fprintf(stderr, "%s\n  script   %s\n  expected %s\n  got      %s\n", rules[i].says,
                    rules[i].script, rules[i].expected, text.data);
        }
        fold_free(&output);
        fold_case_free(&test);
    }
    buffer_free(&text);
    ck_assert_int_eq(failures, 0);
}

#define CHECK_RULES(rules) check_rules(rules, sizeof(rules) / sizeof *(rules))

START_TEST(test_walk)
{
    CHECK_RULES(walk_rules);
}
END_TEST

START_TEST(test_told_twice)
{
    CHECK_RULES(told_twice_rules);
}
END_TEST

START_TEST(test_visits)
{
    CHECK_RULES(visit_rules);
}
END_TEST

START_TEST(test_doubt)
{
    CHECK_RULES(doubt_rules);
}
END_TEST

START_TEST(test_fees)
{
    CHECK_RULES(fee_rules);
}
END_TEST

static struct visit fold_one(struct fold_case *test, const char *script, struct fold_output *output)
{
    *test = (struct fold_case){0};
    fold_case_script(test, script);
    struct fold_input input = fold_case_input(test);
    fold(&input, output);
    ck_assert_uint_eq(output->visit_count, 1);
    return output->visits[0];
}

static void check_slice(struct slice got, const char *expected)
{
    ck_assert_msg(slice_equal(got, slice_text(expected)), "%.*s is not %s", (int)got.len, got.data,
                  expected);
}

/* The columns that the tables do not show. */
START_TEST(test_facts)
{
    struct fold_case test;
    struct fold_output output;
    struct visit visit = fold_one(&test,
                                  "entry v1 A 1 node=B edge=e cam=1 camname=in view=a source=auto;"
                                  "exit v1 A 2 cam=2 camname=out source=manual central=C;",
                                  &output);
    check_slice(visit.source_central, "B");
    check_slice(visit.edge_id, "e");
    check_slice(visit.plate_view, "a");
    check_slice(visit.entry_camera_id, "1");
    check_slice(visit.entry_camera_name, "in");
    check_slice(visit.entry_source, "auto");
    check_slice(visit.exit_central, "C");
    check_slice(visit.exit_camera_id, "2");
    check_slice(visit.exit_camera_name, "out");
    check_slice(visit.exit_source, "manual");
    fold_free(&output);
    fold_case_free(&test);

    visit = fold_one(&test, "import v1 A 1 exit=2 status=OUT central=B exitcentral=C;", &output);
    check_slice(visit.exit_central, "C");
    fold_free(&output);
    fold_case_free(&test);

    visit = fold_one(&test, "seen v1 A 1 loc=Lot7 central=B source=auto;", &output);
    check_slice(visit.entry_camera_name, "Auto-detected: B/Lot7");
    check_slice(visit.entry_source, "parking_lot_auto");
    ck_assert(visit.entry_confidence >= 0 && visit.entry_confidence <= 0);
    fold_free(&output);
    fold_case_free(&test);
}
END_TEST

/* The view of a plate never belongs to another plate. */
START_TEST(test_plate_view)
{
    static const struct rule rows[] = {
        {"kept", "entry v1 A 1 view=a; edit v1 A 0 entry=2;", "a"},
        {"replaced", "entry v1 B 1 view=b; edit v1 A 0 view=a2;", "a2"},
        {"dropped", "entry v1 B 1 view=b; edit v1 A 0;", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fold_case test;
        struct fold_output output;
        struct visit visit = fold_one(&test, rows[i].script, &output);
        ck_assert_msg(slice_equal(visit.plate_view, slice_text(rows[i].expected)), "%s",
                      rows[i].says);
        fold_free(&output);
        fold_case_free(&test);
    }
}
END_TEST

START_TEST(test_names)
{
    ck_assert_str_eq(anomaly_name(ANOMALY_DUPLICATE), "DUPLICATE");
    ck_assert_str_eq(anomaly_name(ANOMALY_FEE_DIFFERS), "FEE_DIFFERS");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold_rules");
    TCase *tests = tcase_create("rules");

    tcase_add_test(tests, test_walk);
    tcase_add_test(tests, test_told_twice);
    tcase_add_test(tests, test_visits);
    tcase_add_test(tests, test_doubt);
    tcase_add_test(tests, test_fees);
    tcase_add_test(tests, test_facts);
    tcase_add_test(tests, test_plate_view);
    tcase_add_test(tests, test_names);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
