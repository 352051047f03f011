"""Every command of `awe`, as data: `awe --help` reads this page and nothing else, so that it is there at once.

What does a command is imported when it is called, and no sooner; the documentation and the tests read this page too.
"""
from __future__ import annotations

from awe.cli.command import JSON, Command, argument, whole

CLASS = argument("target", metavar="CLASS", help="a class of targets, such as CoaddFrame")
KEYS = argument("keys", nargs="*", metavar="key=value", help="what is asked for: its keys, attributes of its raw data, date=2003-02-14, "
                                                              "time=2003-02-14T03:12; what is left out follows from the raw data")
PARS = argument("--pars", action="append", default=[], metavar="CLASS.NAME=VALUE",
                help="a parameter for this call alone; may be given often")
RETRY = argument("--retry", action="store_true", help="make again what is held, since it failed or was flagged")
GROW = argument("--grow", action="store_true", help="make anew what others now match")
FRESH = argument("--fresh", action="store_true", help="make what is asked from the nearest raw data, even if something valid is there")
RELEASE = argument("--release", metavar="NAME", help="inside of this release, where nothing goes out of date; nothing is made")
AS_OF = argument("--as-of", metavar="TIME", help="as the database stood then: 2026-03-01, or 2026-03-01T12:00 in UTC; nothing is made")
ASSUME = argument("--assume", action="append", default=[], metavar="'ID FIELD=VALUE'",
                  help="as if an object were edited: is_valid, timestamp_start, timestamp_end or quality_flags; may be given often")
OBJECT = argument("id", metavar="ID", help="the beginning of an object_id, or the global name of a file")
JOB = argument("id", type=whole, metavar="ID", help="the number of a job, as `awe jobs` prints it")
WHY = argument("--why", required=True, metavar="TEXT", help="the reason, kept in the change log")
PACKAGE = argument("--package", default="awe", metavar="PKG", help="the package whose classes are meant (awe)")
LOCK = argument("--file", default="targets.lock", metavar="FILE", help="the lock file (targets.lock)")
ALONE = argument("--alone", action="store_true", help="leave objects of the same value as they are")
TOKEN = (argument("user", metavar="USER"),
         argument("--project", metavar="NAME", help="the project they work for (that of the instance)"),
         argument("--may-put", action="store_true", help="let them put files"),
         argument("--may-edit", action="store_true", help="let them change what the pages can change, by the API"),
         argument("--revoke", action="store_true", help="take all tokens of the user away instead"), JSON)

INSTANCE = (
    Command("init", "instance", "init", "make an instance: a database, a file store, a file with settings", (
        argument("directory", nargs="?", metavar="DIR", help="where; without it where AWE_HOME says, else ./awe-instance"),
        argument("--database", metavar="URL", help="sqlite:///awe.db, or postgresql://user@host/name of an empty database that is there"),
        argument("--store", metavar="DIR", help="where the files go, from the instance on (store)"),
        argument("--user", metavar="NAME", help="who works here, if not the one who is logged in"),
        argument("--project", metavar="NAME", help="the project of new objects (default)"),
        argument("--privileges", type=int, metavar="N",
                 help="of new objects: 1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO (what is usual in the project)"),
        argument("--workers", type=whole, metavar="N", help="how many processes make targets (0: the one that asks)"),
        argument("--fileserver", metavar="URL", help="a file server to ask for files that are not in the store"),
        argument("--durable", action="store_true", default=None, help="wait for the disk at every commit")), needs_instance=False),
    Command("db upgrade", "database", "upgrade", "bring the database to the schema of the code", (JSON,)),
    Command("db revision", "database", "revision", "write the next version of a package's tables, from what its classes say", (
        argument("package", metavar="PKG", help="an installed package with targets of its own"),
        argument("message", nargs="?", default="", metavar="TEXT", help="what changes"), JSON),
            needs_instance=False),
    Command("db check", "database", "check", "compare the database with the code; exit code 1 where they differ", (JSON,)),
)

DATA = (
    Command("instrument add", "instruments", "add", "bring in a camera, or a new version of it", (
        argument("file", metavar="FILE|NAME", help="an instrument file, or the name of a camera that comes with awe"), JSON)),
    Command("instrument list", "instruments", "listing", "the cameras that are known here, and those that come with awe", (JSON,)),
    Command("instrument check", "instruments", "check", "try an instrument file on real files; exit code 1 where something is wrong", (
        argument("file", metavar="FILE|NAME", help="an instrument file, or the name of a camera that comes with awe"),
        argument("paths", nargs="*", metavar="PATH", help="FITS files and folders to try it on"), JSON), needs_instance=False),
    Command("ingest", "ingesting", "ingest", "bring in raw frames, and frames reduced elsewhere; a dry run without --commit", (
        argument("paths", nargs="+", metavar="PATH", help="FITS files, also compressed, and folders"),
        argument("--commit", action="store_true", help="write; without it everything is looked at, and nothing is written"),
        argument("--again", action="store_true", help="translate files that are known once more; replace others of the same exposure"),
        argument("--workers", type=whole, default=0, metavar="N", help="how many processes look at files"), JSON),
        details="Exit code 2 where a file or a chip in it was rejected, or pixels speak against their label; each has its reason, "
                "and the rest is done."),
    Command("ingest-catalog", "ingesting", "ingest_catalog", "bring in a reference catalogue: FITS, VOTable, Parquet, CSV, text", (
        argument("paths", nargs="+", metavar="PATH", help="one file, or the shards of one catalogue"),
        argument("--name", metavar="NAME", help="what it is called, if not as its mapping says"),
        argument("--mapping", metavar="FILE", help="TOML that says what its columns are; known surveys need none"),
        argument("--use-for", metavar="INSTRUMENT", help="let frames of this instrument be solved with it"), JSON)),
    Command("fetch-catalog", "ingesting", "fetch_catalog", "fetch a cone of a survey and bring it in as a reference catalogue", (
        argument("survey", metavar="SURVEY", help="gaia-dr3, ps1, 2mass, usno-b1 or sdss"),
        argument("ra", type=float, metavar="RA", help="ICRS degrees"),
        argument("dec", type=float, metavar="DEC", help="ICRS degrees"),
        argument("radius", type=float, metavar="RADIUS", help="degrees, at most 5"),
        argument("--name", metavar="NAME", help="what it is called; else the survey and the cone"),
        argument("--use-for", metavar="INSTRUMENT", help="let frames of this instrument be solved with it"), JSON)),
    Command("ingest-mask", "ingesting", "ingest_mask", "bring in bad-pixel masks: FITS images of assembled chips", (
        argument("instrument", metavar="INSTRUMENT", help="name of the instrument, whose file says what the values mean"),
        argument("paths", nargs="+", metavar="PATH", help="FITS files"),
        argument("--chip", metavar="CHIP", help="whose mask it is, if its images are not named after chips"),
        argument("--from", dest="start", metavar="DATE", help="from when it is valid, UTC; else it always was"),
        argument("--until", dest="end", metavar="DATE", help="until when it is valid, UTC; else for ever"),
        argument("--readout-mode", metavar="MODE", help="that of the frames it is for, if raw frames have several"), JSON)),
    Command("simulate", "simulating", "simulate", "simulate an observing run with known truth", (
        argument("directory", metavar="DIR", help="a new or empty directory"),
        argument("--seed", type=int, metavar="N", help="the same seed gives the same files; without it a new one is drawn and printed"),
        argument("--small", action="store_true", help="chips of 256 x 256 pixels"),
        argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the run, as in --set exposures=3"),
        JSON), needs_instance=False),
)

ASKING = (
    Command("plan", "asking", "plan", "what `get` would do, and why; nothing is made", (
        CLASS, KEYS, PARS, RETRY, GROW, FRESH, AS_OF, RELEASE, ASSUME,
        argument("--depth", type=whole, metavar="N", help="show at most so many levels"),
        argument("--full", action="store_true", help="show every node, also what is up to date or goes the same way as another"), JSON)),
    Command("effects", "asking", "effects_of", "which products would go out of date if an object were edited; nothing is edited", (
        OBJECT, argument("edits", nargs="+", metavar="FIELD=VALUE", help="is_valid, timestamp_start, timestamp_end or quality_flags, as "
                                                                         "in is_valid=0"), JSON)),
    Command("get", "asking", "get", "find a target, or make it from what it depends on", (
        CLASS, KEYS, PARS, RETRY, GROW, FRESH, AS_OF, RELEASE,
        argument("--all", action="store_true", help="all targets that the keys can mean, not just one"),
        argument("--workers", type=whole, metavar="N", help="how many processes make targets (as the instance is set)"), JSON)),
)

OWN = (
    Command("new target", "new", "target", "write a target class of your own: package, science, test, page, ready to be installed", (
        argument("name", metavar="NAME", help="the name of the class, such as NightSky"),
        argument("--package", required=True, metavar="PKG", help="the package it goes into; made where it is not there"),
        argument("--base", default="Product", metavar="CLASS", help="Product: something measured on images; else the class of targets "
                                                                    "that is to be made in another way (Product)"),
        argument("--of", metavar="CLASS", help="with --base Product: which images are measured (ReducedScienceFrame)"),
        argument("--into", metavar="DIR", help="the folder of the project (./PKG)"), JSON), needs_instance=False,
        details="Nothing that is there is overwritten. What to do next is printed."),
)

LOOKING = (
    Command("query", "looking", "query", "objects for which an expression holds", (
        argument("expression", metavar="EXPR", help="as in \"(RawScienceFrame.chip.name == 'ccd53') & (RawScienceFrame.exptime > 60)\""),
        argument("--columns", metavar="A,B.C", help="paths to print; without it identity, date and attributes"),
        argument("--order", metavar="PATH", help="in the order of this path"),
        argument("--descending", action="store_true", help="the greatest first"),
        argument("--limit", type=int, default=1000, metavar="N", help="at most so many; 0 for all (1000)"), AS_OF, RELEASE, JSON),
        details="The expression is parsed to comparisons of attributes with values, joined by &, |, ~ (or and, or, not); nothing of it "
                "is evaluated. LIKE is .like('M*')."),
    Command("show", "looking", "show", "tell everything about an object", (OBJECT, AS_OF, JSON)),
    Command("lineage", "looking", "lineage", "what an object was made from, down to the raw data, as a tree", (
        OBJECT, argument("--down", action="store_true", help="what was made from it instead"),
        argument("--depth", type=whole, metavar="N", help="at most so many steps"),
        argument("--full", action="store_true", help="all members of large groups in full, not just the first"), AS_OF, JSON)),
    Command("forced", "measuring", "forced", "fluxes and upper limits at given positions, whether something is there or not", (
        argument("id", metavar="ID", help="the SourceList of a coadd, or the PSFModel of a frame: the beginning of its object_id"),
        argument("positions", metavar="PATH|RA,DEC", help="a table with positions, in any form that catalogues have; or one, in degrees"),
        argument("--sigma", type=float, default=5.0, metavar="N", help="limits are so many errors (5)"),
        argument("-o", "--output", metavar="PATH", help="write a table: FITS, VOTable, CSV, ECSV or Parquet, by its ending"), JSON)),
    Command("compare", "comparing", "compare", "what differs between two objects of one class, and where it begins", (
        argument("first", metavar="ID", help="the beginning of an object_id, or the global name of a file"),
        argument("second", metavar="ID"), JSON)),
    Command("reproduce", "comparing", "reproduce", "make an object again from its recorded inputs and parameters; nothing is stored", (
        OBJECT, JSON), details="Exit code 1 where it does not come out identical."),
    Command("jobs", "jobs", "jobs", "what is being made, what failed and why, what is held; for a target also what it lacks", (
        argument("target", nargs="?", metavar="CLASS", help="say too what stands in the way of these targets"), KEYS,
        argument("--failed", action="store_true", help="only what failed, with its log"),
        argument("--survey", action="store_true", help="with --json: print all that stands open, not the latest alone"),
        argument("--limit", type=whole, default=50, metavar="N", help="at most so many of the latest (50)"), AS_OF, JSON),
        details="As of an earlier moment, only what had ended by then is listed."),
    Command("jobs log", "jobs", "log", "why a job ended as it did, and what was logged; of one that runs, so far", (JOB, JSON)),
    Command("jobs cancel", "jobs", "stop", "give jobs up that are running; nothing of them is kept", (
        argument("ids", nargs="+", type=whole, metavar="ID", help="the numbers of jobs, as `awe jobs` prints them"),
        argument("--run", action="store_true", help="with everything else that was asked for together with them"), JSON),
        details="A job that a worker process makes is ended at once; one that is made in the process that asked, when its make() returns."),
    Command("jobs retry", "jobs", "retry", "make again what failed, was lost or was cancelled, or is held", (
        argument("ids", nargs="*", type=whole, metavar="ID", help="the numbers of jobs; without, all that failed, were lost or cancelled"),
        argument("--workers", type=whole, metavar="N", help="how many processes make targets (as the instance is set)"), JSON)),
    Command("retrieve", "files", "retrieve", "copy a file out of the store, with its provenance in the header", (
        argument("name", metavar="NAME|ID", help="the global name of a file, or the beginning of an object_id"),
        argument("-o", "--output", metavar="PATH", help="where; a folder, or a file that is not there yet (the current folder)"),
        argument("--role", metavar="ROLE", help="which of several files of an object"), JSON)),
)

SHARING = (
    Command("project create", "projects", "create", "found a project, whose manager you become", (
        argument("name", metavar="PROJECT"), argument("--description", default="", metavar="TEXT", help="what it is for"),
        argument("--private", action="store_true", help="only members may work for it"),
        argument("--privileges", type=int, default=3, metavar="N", help="what its new objects usually are (3)"), JSON)),
    Command("project list", "projects", "listing", "all projects, with managers and members", (JSON,)),
    Command("project show", "projects", "show", "one project", (argument("name", metavar="PROJECT"), JSON)),
    Command("project add", "projects", "add", "let users take part in a project; its managers may do so", (
        argument("name", metavar="PROJECT"), argument("users", nargs="+", metavar="USER"),
        argument("--manager", action="store_true", help="let them manage it"), JSON)),
    Command("project remove", "projects", "remove", "let users take part no more; managers may do so, and members may leave", (
        argument("name", metavar="PROJECT"), argument("users", nargs="+", metavar="USER"), JSON)),
    Command("project set", "projects", "change", "what new objects of a project usually are; its managers may do so", (
        argument("name", metavar="PROJECT"),
        argument("--privileges", type=int, required=True, metavar="N", help="1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO"), JSON)),
    Command("publish", "publishing", "publish", "let others see objects, and what these were made from", (
        argument("ids", nargs="+", metavar="ID", help="the beginning of an object_id, or the global name of a file"),
        argument("--privileges", type=int, required=True, metavar="N", help="1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO"),
        argument("--closure", action="store_true", help="raise also what they were made from, where its new readers could not see that"),
        argument("--why", default="", metavar="TEXT", help="the reason, kept in the change log"),
        argument("--dry-run", action="store_true", help="only tell what would be done; exit code 1 where something stands in the way"),
        JSON), details="All or nothing is done. What others use cannot be lowered."),
    Command("user add", "users", "add", "write a user down, on PostgreSQL with a role of their own", (
        argument("name", metavar="USER"), JSON)),
    Command("user list", "users", "listing", "all users, with the projects they take part in", (JSON,)),
    Command("user password", "users", "password", "give a user a password for the pages, asked for here or read from a pipe", (
        argument("name", metavar="USER"), JSON)),
    Command("user token", "serving", "serve_token", "give a user a token for API and file server; it is printed once", TOKEN),
)

RELEASES = (
    Command("release create", "releasing", "create", "freeze objects, with all that they were made from, under a name", (
        argument("name", metavar="NAME"),
        argument("what", nargs="+", metavar="EXPR|ID", help="an expression as `awe query` has it, or the beginning of an object_id"),
        argument("--why", required=True, metavar="TEXT", help="what it is for"), JSON),
            details="Members are never added, taken away or deleted. Whoever sees the release sees all of them."),
    Command("release list", "releasing", "listing", "all releases that can be seen", (JSON,)),
    Command("release show", "releasing", "show", "one release, and what is in it", (argument("name", metavar="NAME"), JSON)),
    Command("release compare", "releasing", "compare", "what differs between two releases, and where it begins", (
        argument("first", metavar="NAME"), argument("second", metavar="NAME"), JSON)),
)

KEEPING = (
    Command("validate", "validity", "validate", "say that an object is good", (
        OBJECT, argument("--qualified", action="store_true", help="good in spite of its flags (is_valid = 2)"),
        WHY, ALONE, JSON)),
    Command("invalidate", "validity", "invalidate", "say that an object is bad, and is to be used no more", (
        OBJECT, argument("--why", required=True, metavar="TEXT", help="the reason, kept in the change log"),
        argument("--alone", action="store_true", help="leave objects of the same value as they are"), JSON)),
    Command("changes", "history", "changes", "the change log: who edited what, when and why; the latest first", (
        argument("id", nargs="?", metavar="ID", help="of one object; without it of all that can be seen"),
        argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)"), JSON)),
    Command("undo", "history", "undo", "take edits back, by their numbers in the change log; all or none", (
        argument("seqs", nargs="+", type=int, metavar="SEQ", help="what `awe changes` numbers them"), WHY, JSON)),
    Command("fsck", "upkeep", "fsck", "compare rows, files and candidates; exit code 1 where something is missing or damaged", (
        argument("--contents", action="store_true", help="read all files, and compare them with their SHA-256"),
        argument("--repair", action="store_true", help="remove what was half-written, bring back what is needed from the trash, and write "
                                                       "wrong candidates anew"), JSON)),
    Command("gc", "upkeep", "gc", "take away files that nothing refers to", (
        argument("--dry-run", action="store_true", help="only count"),
        argument("--min-age", type=float, default=24.0, metavar="HOURS", help="younger files stay (24)"), JSON)),
    Command("backup", "moving", "backup", "copy the whole instance, while others work on it", (
        argument("directory", metavar="DIR", help="a new directory, or that of an earlier backup, to which what is new is added"), JSON),
        details="On SQLite the directory is an instance that can be used as it is; of PostgreSQL it holds what pg_dump wrote."),
    Command("export", "moving", "export", "write a project, with all that it stands on and its files, into one directory", (
        argument("project", metavar="PROJECT"),
        argument("directory", metavar="DIR", help="a new directory"), JSON)),
    Command("import", "moving", "bring", "bring in what `awe export` wrote, with its identity; a dry run without --commit", (
        argument("directory", metavar="DIR", help="what `awe export` wrote"),
        argument("--commit", action="store_true", help="write; without it everything is verified, and nothing is written"), JSON),
        details="All comes in, or nothing. What is there already stays as it is. Named are the objects that take the place of others."),
    Command("serve", "serving", "serve_pages", "serve pages and API of this instance over HTTP", (
        argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1)"),
        argument("--port", type=int, default=8800, help="the port to listen at (8800)")),
            details="Whoever logs in sees what they may see, and others what the world may see. `awe user password` lets a user log in. "
                    "Behind a proxy that speaks HTTPS, only cookies of HTTPS are sent."),
    Command("serve files", "serving", "serve_files", "serve the files of this instance over HTTP", (
        argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1)"),
        argument("--port", type=int, default=8000, help="the port to listen at (8000)"),
        argument("--peer", action="append", default=[], metavar="URL", help="another file server to ask for what is not here"),
        argument("--refer", action="store_true", help="send who asks on to the peer that has a file, rather than fetch and keep it"))),
    Command("serve token", "serving", "serve_token", "give a user a token for API and file server; it is printed once", TOKEN),
    Command("lock write", "locking", "write", "note the digest of the code of every target class", (
        argument("--same-results", action="append", default=[], metavar="CLASS", help="its code changed, and its results did not; or all"),
        PACKAGE, LOCK, JSON), needs_instance=False),
    Command("lock check", "locking", "check", "exit code 1 where the code of a class moved and its version did not", (PACKAGE, LOCK, JSON),
            needs_instance=False),
    Command("docs", "reference", "docs", "write the tables of the reference, or check that they are current", (
        argument("directory", nargs="?", default="docs", metavar="DIR", help="the folder of the documentation (docs)"),
        PACKAGE, argument("--check", action="store_true", help="write nothing; exit code 1 where a table is not current")),
            needs_instance=False),
)

GROUPS = {"Instance": INSTANCE, "Data": DATA, "Targets": ASKING, "Your own": OWN, "Looking": LOOKING, "Sharing": SHARING,
          "Releases": RELEASES, "Keeping house": KEEPING}
COMMANDS: tuple[Command, ...] = tuple(command for group in GROUPS.values() for command in group)
