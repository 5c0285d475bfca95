namespace NanoRecSys.Training.Data.Files;

internal static class FileKind
{
    private static readonly HashSet<string> Data = new(
        [".csv", ".tsv", ".txt", ".dat", ".data", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".inter", ".item"], StringComparer.OrdinalIgnoreCase);

    private static readonly Dictionary<string, string> Refused = new(StringComparer.OrdinalIgnoreCase)
    {
        [".xlsx"] = "an Excel workbook. Save the sheet as CSV",
        [".xls"] = "an Excel workbook. Save the sheet as CSV",
        [".tar"] = "a tar archive. Unpack it and set --data to the folder",
        [".tgz"] = "a tar archive. Unpack it and set --data to the folder",
        [".7z"] = "a 7z archive. Unpack it and set --data to the folder",
        [".rar"] = "a rar archive. Unpack it and set --data to the folder",
        [".bz2"] = "compressed with bzip2. Unpack it, or compress it with gzip or zstd",
        [".xz"] = "compressed with xz. Unpack it, or compress it with gzip or zstd",
        [".pkl"] = "a pickle of Python. Write it with DataFrame.to_parquet or to_csv",
        [".pickle"] = "a pickle of Python. Write it with DataFrame.to_parquet or to_csv",
        [".npz"] = "an archive of NumPy arrays. Write a row per interaction as CSV or Parquet",
        [".npy"] = "a NumPy array. Write a row per interaction as CSV or Parquet",
        [".feather"] = "a Feather file. Write it with DataFrame.to_parquet",
        [".arrow"] = "an Arrow file. Write it as Parquet",
        [".avro"] = "an Avro file. Write it as Parquet or CSV",
        [".orc"] = "an ORC file. Write it as Parquet or CSV",
        [".h5"] = "an HDF5 file. Write it as Parquet or CSV",
        [".db"] = "a database. Export the table as Parquet or CSV",
        [".sqlite"] = "a database. Export the table as Parquet or CSV",
        [".mat"] = "a MATLAB file. Write a row per interaction as CSV",
        [".mtx"] = "a sparse matrix. Write a row per interaction as CSV: user,item,weight",
    };

    public static bool IsGzip(string path) => HasExtension(path, ".gz");

    public static bool IsZstd(string path) => HasExtension(path, ".zst");

    public static bool IsZip(string path) => HasExtension(path, ".zip");

    /// <summary>The name without the extension of a compression.</summary>
    public static string Uncompressed(string path) => IsGzip(path) || IsZstd(path) ? Path.GetFileNameWithoutExtension(path) : Path.GetFileName(path);

    /// <summary>Whether a file of a folder or an archive may be data. Files such as <c>_SUCCESS</c>, <c>.part.crc</c> and <c>__MACOSX/._x.csv</c> are not.</summary>
    public static bool IsData(string path)
    {
        string name = Uncompressed(path);
        return name.Length > 0 && name[0] is not ('.' or '_')
            && (Data.Contains(Path.GetExtension(name)) || name.StartsWith("part-", StringComparison.Ordinal) || MovieLensFiles.IsOne(name))
            && !name.StartsWith("readme", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("license", StringComparison.OrdinalIgnoreCase);
    }

    public static void RequireReadable(DataFile file)
    {
        UserErrorException.ThrowIf(Refused.TryGetValue(Path.GetExtension(FileKind.Uncompressed(file.Path)), out string? reason), $"{file.Name} is {reason}.");
    }

    private static bool HasExtension(string path, string extension) => Path.GetExtension(path).Equals(extension, StringComparison.OrdinalIgnoreCase);
}
