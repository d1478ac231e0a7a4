/* vfs.c: a VFS around SQLite's default one, with the countdown before each call. It answers as the
 * real one would: EIO at a write is SQLITE_IOERR_WRITE, ENOSPC SQLITE_FULL; a failed fsync is
 * SQLITE_IOERR_FSYNC whatever the errno. An open for writing that meets EROFS opens read-only, as
 * the unix VFS does. */
#include <assert.h>
#include <errno.h>
#include <sqlite3.h>

#include "fault.h"

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct, in the same block */
    const char *path;   /* SQLite keeps it until the file is closed; NULL: a temporary */
    bool is_log;        /* imld.db-wal */
    unsigned writes;    /* to the log since its last sync */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static _Thread_local int last_error; /* errno of the last fault */

static struct file *of(sqlite3_file *file)
{
    return (struct file *)(void *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return of(file)->real;
}

/* 0, or the answer that the real VFS would give. */
static int answer(enum fault_op op, int otherwise)
{
    last_error = fault_due(op);
    if (last_error == 0) return SQLITE_OK;
    return last_error == ENOSPC && op == FAULT_DB_WRITE ? SQLITE_FULL : otherwise;
}

static int file_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
    const int fault = answer(FAULT_DB_READ, SQLITE_IOERR_READ);
    return fault ? fault : real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

/* A transaction's frames are two writes each, header and page, its first frame's page the second
 * write after a sync (the third where the log starts anew): the third write is in the middle. */
static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    const int fault = answer(FAULT_DB_WRITE, SQLITE_IOERR_WRITE);
    if (fault) return fault;
    if (of(file)->is_log && ++of(file)->writes == 3 && fault_point_is_due(FAULT_COMMIT_MIDDLE))
        fault_kill();
    return real(file)->pMethods->xWrite(real(file), bytes, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    const int fault = answer(FAULT_DB_TRUNCATE, SQLITE_IOERR_TRUNCATE);
    return fault ? fault : real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    const int fault = answer(FAULT_DB_SYNC, SQLITE_IOERR_FSYNC);
    of(file)->writes = 0;
    if (!fault && of(file)->path) fault_tell_sync(of(file)->path);
    return fault ? fault : real(file)->pMethods->xSync(real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    const int fault = answer(FAULT_DB_SIZE, SQLITE_IOERR_FSTAT);
    return fault ? fault : real(file)->pMethods->xFileSize(real(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
    const int fault = answer(FAULT_DB_LOCK, SQLITE_IOERR_LOCK);
    return fault ? fault : real(file)->pMethods->xLock(real(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int file_is_reserved(sqlite3_file *file, int *is_reserved)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), is_reserved);
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
    return real(file)->pMethods->xFileControl(real(file), op, argument);
}

static int file_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int file_characteristics(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **map)
{
    const int fault = answer(FAULT_DB_SHM_MAP, SQLITE_IOERR_SHMMAP);
    return fault ? fault : real(file)->pMethods->xShmMap(real(file), page, size, extend, map);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    /* unlocking never fails in the unix VFS either */
    const int fault =
        flags & SQLITE_SHM_LOCK ? answer(FAULT_DB_SHM_LOCK, SQLITE_IOERR_SHMLOCK) : SQLITE_OK;
    return fault ? fault : real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete_flag)
{
    return real(file)->pMethods->xShmUnmap(real(file), delete_flag);
}

/* Version 2: with shared memory, without which there is no WAL; without xFetch, so that every read
 * is counted. */
static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_is_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector,
                                           .xDeviceCharacteristics = file_characteristics,
                                           .xShmMap = file_shm_map,
                                           .xShmLock = file_shm_lock,
                                           .xShmBarrier = file_shm_barrier,
                                           .xShmUnmap = file_shm_unmap};

static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    (void)self;
    struct file *opened = of(file);
    *opened = (struct file){.real = (sqlite3_file *)(void *)(opened + 1),
                            .path = name,
                            .is_log = (flags & SQLITE_OPEN_WAL) != 0};
    const int fault = answer(FAULT_DB_OPEN, SQLITE_CANTOPEN);
    if (fault && last_error == EROFS && (flags & SQLITE_OPEN_READWRITE)) {
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    } else if (fault) {
        return fault;
    }
    const int result = real_vfs->xOpen(real_vfs, name, opened->real, flags, out_flags);
    if (opened->real->pMethods) opened->base.pMethods = &methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *self, const char *name, int sync_folder)
{
    (void)self;
    const int fault = answer(FAULT_DB_DELETE, SQLITE_IOERR_DELETE);
    return fault ? fault : real_vfs->xDelete(real_vfs, name, sync_folder);
}

static int vfs_access(sqlite3_vfs *self, const char *name, int flags, int *result)
{
    (void)self;
    const int fault = answer(FAULT_DB_ACCESS, SQLITE_IOERR_ACCESS);
    return fault ? fault : real_vfs->xAccess(real_vfs, name, flags, result);
}

static int vfs_last_error(sqlite3_vfs *self, int count, char *text)
{
    (void)self;
    return last_error ? last_error : real_vfs->xGetLastError(real_vfs, count, text);
}

void fault_vfs_install(void)
{
    if (real_vfs) return;
    real_vfs = sqlite3_vfs_find(NULL);
    assert(real_vfs);
    vfs =
        *real_vfs; /* the calls without a file go to the real one's functions, which ignore self */
    vfs.zName = "fault";
    vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xGetLastError = vfs_last_error;
    const int result = sqlite3_vfs_register(&vfs, 1);
    assert(result == SQLITE_OK);
    (void)result;
}
