using System.IO.Compression;
using System.Text;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

/// <summary>Tests that write files into a folder and read them as <c>prepare</c> does.</summary>
public abstract class DataFileTests : FolderTests
{
    /// <summary>Notes to the user from the last read.</summary>
    internal List<string> Notes { get; } = [];

    internal string Write(string name, string text, Encoding? encoding = null) => Write(name, (encoding ?? new UTF8Encoding(false)).GetBytes(text));

    /// <summary>Writes the file and returns this object.</summary>
    internal DataFileTests With(string name, string text)
    {
        Write(name, text);
        return this;
    }

    internal string Write(string name, byte[] bytes)
    {
        string path = Folder.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    internal string WriteGzip(string name, string text)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return Write(name, compressed.ToArray());
    }

    /// <summary>Writes a file with DuckDB: Parquet, or compressed with zstd.</summary>
    internal string Copy(string name, string select, string options)
    {
        using var duck = new DuckDb();
        duck.Execute($"COPY ({select}) TO {DuckDb.Text(Folder.File(name))} ({options})");
        return Folder.File(name);
    }

    internal async Task<ReadData> ReadAsync(string? data = null, ReadOptions? options = null)
    {
        Notes.Clear();
        DataPlace place = DataPlace.Find(data ?? Folder.Path) ?? throw new FileNotFoundException(data);
        using OpenedData opened = OpenedData.Open(place, options ?? new ReadOptions());
        return await ReadData.ReadAsync(opened, options ?? new ReadOptions(), Notes, null, TestContext.Current.CancellationToken);
    }

    /// <summary>The error message of a refused read, with "DIR" for the folder.</summary>
    internal async Task<string> RefusalAsync(string? data = null, ReadOptions? options = null) =>
        (await Assert.ThrowsAsync<UserErrorException>(() => ReadAsync(data, options))).Message.Replace(Folder.Path, "DIR", StringComparison.Ordinal);

    /// <summary>Rows as "user item rating seconds", with the weight appended if it is not 1.</summary>
    internal static string[] Rows(ReadData data) => [.. Enumerable.Range(0, data.Interactions.Count).Select(i =>
    {
        var row = data.Interactions[i];
        string text = $"{data.Interactions.UserIds[row.User]} {data.Interactions.ItemIds[row.Item]} {row.Rating} {data.Unit.ToSeconds(row.Timestamp)}";
        return row.Weight == 1 ? text : $"{text} x{row.Weight}";
    })];
}
