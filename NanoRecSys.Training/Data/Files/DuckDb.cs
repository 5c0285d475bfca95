using Apache.Arrow;
using DuckDB.NET.Data;

namespace NanoRecSys.Training.Data.Files;

/// <summary>A DuckDB instance that reads and writes files; it streams results as batches of Arrow columns, in file order.</summary>
internal sealed class DuckDb : IDisposable
{
    private readonly DuckDBConnection _connection;

    /// <param name="path">Path of its database; in memory by default.</param>
    public DuckDb(string path = ":memory:")
    {
        _connection = new DuckDBConnection($"DataSource={path}");
        _connection.Open();
        Execute($"SET threads = {Environment.ProcessorCount}");
        Execute("SET memory_limit = '2GB'");
        Execute($"SET temp_directory = {Text(Path.GetTempPath())}");
        Execute("SET TimeZone = 'UTC'");
        Execute("SET autoinstall_known_extensions = false"); // reading a file must not download anything
    }

    public static string Text(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>A literal for one file's path, with pattern characters escaped.</summary>
    public static string PathText(string path) => Text(string.Concat(path.Select(c => c is '[' or '*' or '?' ? $"[{c}]" : c.ToString())));

    public static string Name(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public void Execute(string sql)
    {
        using DuckDBCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>Adds rows to a table and executes <paramref name="sql"/>, in one transaction.</summary>
    public void Append(string table, Action<DuckDBAppender> write, string sql)
    {
        using DuckDBTransaction transaction = _connection.BeginTransaction();
        using (DuckDBAppender appender = _connection.CreateAppender(table))
        {
            write(appender);
        }

        Execute(sql);
        transaction.Commit();
    }

    /// <summary>A small result as strings; null for NULL.</summary>
    public List<string?[]> Rows(string sql)
    {
        using DuckDBCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        using DuckDBDataReader reader = command.ExecuteReader();
        var rows = new List<string?[]>();
        while (reader.Read())
        {
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(column => reader.IsDBNull(column) ? null : reader.GetFieldValue<string>(column))]);
        }

        return rows;
    }

    /// <summary>A result of any size; a batch is valid until the next one is read.</summary>
    public async IAsyncEnumerable<RecordBatch> StreamAsync(string sql, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await using DuckDBCommand command = _connection.CreateCommand();
        command.UseStreamingMode = true;
        command.CommandText = sql;
        await foreach (RecordBatch batch in command.ExecuteArrowBatchesAsync(cancellation))
        {
            using (batch)
            {
                yield return batch;
            }
        }
    }

    public void Dispose() => _connection.Dispose();

    /// <summary>DuckDB's message for an unreadable file, without its advice about SQL.</summary>
    public static UserErrorException CannotRead(DataFile file, DuckDBException e) =>
        new($"{file.Name} cannot be read: {e.Message.Split('\n')[0].Trim().Replace(file.Path, file.Name, StringComparison.Ordinal)}", e);
}
