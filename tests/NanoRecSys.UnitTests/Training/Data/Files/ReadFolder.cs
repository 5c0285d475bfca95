using System.IO.Compression;
using System.Text;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

/// <summary>A folder of files that a test writes, and reads as <c>prepare</c> does.</summary>
internal sealed class ReadFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Path => _folder.Path;

    public void Dispose() => _folder.Dispose();

    /// <summary>Notes to the user from the last read.</summary>
    public List<string> Notes { get; } = [];

    public string Write(string name, string text, Encoding? encoding = null) => Write(name, (encoding ?? new UTF8Encoding(false)).GetBytes(text));

    /// <summary>Writes the file and returns this folder.</summary>
    public ReadFolder With(string name, string text)
    {
        Write(name, text);
        return this;
    }

    public string Write(string name, byte[] bytes)
    {
        string path = _folder.File(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public string WriteGzip(string name, string text)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return Write(name, compressed.ToArray());
    }

    /// <summary>Writes a file with DuckDB: Parquet, or compressed with zstd.</summary>
    public string Copy(string name, string select, string options)
    {
        using var duck = new DuckDb();
        duck.Execute($"COPY ({select}) TO {DuckDb.Text(_folder.File(name))} ({options})");
        return _folder.File(name);
    }

    public async Task<ReadData> ReadAsync(string? data = null, ReadOptions? options = null)
    {
        Notes.Clear();
        DataPlace place = DataPlace.Find(data ?? Path) ?? throw new FileNotFoundException(data);
        using OpenedData opened = OpenedData.Open(place, options ?? new ReadOptions());
        return await ReadData.ReadAsync(opened, options ?? new ReadOptions(), Notes, null, TestContext.Current.CancellationToken);
    }

    /// <summary>The error message of a refused read, with "DIR" for the folder.</summary>
    public async Task<string> RefusalAsync(string? data = null, ReadOptions? options = null) =>
        (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(data, options))).Message.Replace(Path, "DIR", StringComparison.Ordinal);

    /// <summary>Rows as "user item rating seconds", with the weight appended if it is not 1.</summary>
    public static string[] Rows(ReadData data) => [.. Enumerable.Range(0, data.Interactions.Count).Select(i =>
    {
        var row = data.Interactions[i];
        string text = $"{data.Interactions.UserIds[row.User]} {data.Interactions.ItemIds[row.Item]} {row.Rating} {data.Unit.ToSeconds(row.Timestamp)}";
        return row.Weight == 1 ? text : $"{text} x{row.Weight}";
    })];
}
