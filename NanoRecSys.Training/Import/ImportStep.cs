using System.Numerics;
using System.Text.RegularExpressions;

namespace NanoRecSys.Training.Import;

/// <summary>Turns pretrained weights into the files that a training writes; <c>evaluate</c>, <c>export</c>, <c>index</c> and <c>publish</c> continue
/// from there. All weights are checked before anything is written.</summary>
internal static class ImportStep
{
    public static async Task<ImportSummary> RunAsync(ImportOptions options, StepContext context)
    {
        Require(options);
        Workspace workspace = context.Workspace;
        try
        {
            ImportedTower? tower = options.UserTower is null ? null : ImportedTower.Read(options.UserTower, options);
            ImportedRanker? ranker = options.Ranker is null ? null
                : ImportedRanker.Read(options.Ranker, (tower?.Model ?? ModelFolder.Retriever.ReadModel(workspace.RetrieverFolder)).EmbeddingDimension, options.Genres);
            List<string> notes = [.. tower?.Notes ?? [], .. ranker?.Notes ?? []];
            context.Progress.Report(new ProgressEvent { Fraction = 0.1, Message = "the weights are complete" });

            // Everything is checked before anything is written, including the data that is prepared again.
            Preparation? prepared = tower is null || options.ItemMap is null ? null : await PrepareAgainAsync(tower, options, context, notes);
            DatasetSummary? data = prepared?.Summary ?? RequireFit(tower, workspace, notes);
            Catalog? catalog = prepared?.Catalog
                ?? (data is null ? null : await CatalogFile.ReadAsync(Path.Combine(workspace.DataFolder, PreparedData.CatalogName), context.Cancellation));
            RankerModel? rankerModel = ranker?.NameGenres(catalog is null ? [] : ItemLayout.CategoryNames(catalog), notes);
            if (prepared is not null)
            {
                await prepared.WriteAsync(context);
            }

            if (tower is not null)
            {
                await WriteAsync(workspace.RetrieverFolder, folder =>
                {
                    ModelFolder.Retriever.Write(folder, tower.Model, tower.Tensors, Provenance.Imported);
                    if (catalog is not null)
                    {
                        RetrieverItems.Write(folder, RetrieverItems.Ids(catalog));
                    }
                });
            }

            if (ranker is not null)
            {
                rankerModel = rankerModel! with { RetrieverSha256 = ModelFolder.HashOf(workspace.RetrieverFolder) };
                await WriteAsync(workspace.RankerFolder, folder => ModelFolder.Ranker.Write(folder, rankerModel, ranker.Layout.Tensors, Provenance.Imported));
            }
            else if (RankerExport.MismatchOf(workspace, data: null) is { } mismatch)
            {
                notes.Add($"The existing ranker is no longer evaluated or exported. {mismatch}");
            }

            context.Progress.Report(new ProgressEvent { Fraction = 1 });
            return new ImportSummary(tower?.Model, rankerModel, data, notes);
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException(e.Message, e);
        }
    }

    private static void Require(ImportOptions options)
    {
        UserErrorException.ThrowIf(options.UserTower is null && options.Ranker is null, $"Set --user-tower, --ranker or both.");
        UserErrorException.ThrowIf(options.UserTower is null && options.ItemMap is not null,
            $"--item-map requires --user-tower: it lists the item ids of its rows.");
    }

    /// <summary>Requires the prepared data, if any, to have as many items as the item table has rows.</summary>
    /// <returns>Null if no data is prepared.</returns>
    private static DatasetSummary? RequireFit(ImportedTower? tower, Workspace workspace, List<string> notes)
    {
        DatasetSummary? prepared = PreparedData.ReadSummary(workspace.DataFolder);
        if (tower is null)
        {
            return prepared;
        }

        int items = tower.Model.Items;
        if (prepared is null)
        {
            notes.Add("No data is prepared yet: run 'prepare' before 'evaluate' and 'publish'. "
                + "Without --item-map its items, in order of first appearance, must be the rows of the item table.");
        }
        else if (prepared.Items != items)
        {
            throw new UserErrorException($"The item table has {items} rows, the prepared data has {prepared.Items} items. "
                + "Set --item-map to a file with the item ids in the order of the rows.");
        }
        else if (prepared.ItemOrder is null)
        {
            notes.Add($"The rows of the item table are assumed to be the {items} items of the prepared data in order of first appearance; "
                + "set --item-map if they are not.");
        }

        return prepared;
    }

    // Prepared from the source again, so that nothing is lost if another map is given later, and items without interactions get their titles.
    private static async Task<Preparation> PrepareAgainAsync(ImportedTower tower, ImportOptions options, StepContext context, List<string> notes)
    {
        EntityId[] itemMap = ItemMapFile.Read(options.ItemMap!);
        UserErrorException.ThrowIf(itemMap.Length != tower.Model.Items,
            $"{options.ItemMap} names {itemMap.Length} items, the item table 'embedding.weight' has {tower.Model.Items} rows.");

        DatasetSummary? former = PreparedData.ReadSummary(context.Workspace.DataFolder);
        Preparation prepared = await PrepareStep.ReadAsync(
            new PrepareOptions { Data = options.Data, Reading = former?.Reading ?? new(), MinRating = former?.MinRating ?? 0, KCore = former?.KCore ?? 0, Cuts = former?.Cuts, ItemOrder = itemMap }, context);
        DatasetSummary data = prepared.Summary;
        ItemOrderSummary match = data.ItemOrder!;
        notes.Add($"The data was prepared in the order of the item map: {data.Items - match.WithoutInteractions:N0} of its {data.Items:N0} items have interactions.");
        if (match.UnknownItems > 0)
        {
            notes.Add($"{match.UnknownItems:N0} items of the data are not in the item map; their {match.UnknownInteractions:N0} interactions were left out, also in evaluation.");
        }

        if (former is { Events: > 0 } or { NewItems: > 0 })
        {
            notes.Add("The former data was prepared with --events or --new-items; the new data is not.");
        }

        return prepared;
    }

    // The old folder is removed with all its checkpoints and plots.
    private static Task WriteAsync(string folder, Action<string> write) => AtomicFolder.WriteAsync(folder, fresh => Task.Run(() => write(fresh)));
}

internal sealed record ImportOptions
{
    public string? UserTower { get; init; }
    public string? Ranker { get; init; }

    /// <summary>H; null: from the file, if it contains <c>rope.inv_freq</c> or was exported by this program.</summary>
    public int? Heads { get; init; }

    /// <summary>L; null: from the file, else <see cref="DefaultMaxLength"/>.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Base of the rotary embedding; null: from the file, else <see cref="DefaultRopeBase"/>.</summary>
    public double? RopeBase { get; init; }

    /// <summary>File with the item ids of the item table's rows; null: the prepared data's items, in order.</summary>
    public string? ItemMap { get; init; }

    /// <summary>File with the genres of the ranker's genre rows, one per line; null: the data's genres in alphabetical order.</summary>
    public string? Genres { get; init; }
    public string Data { get; init; } = TrainingNames.Sample;

    public const int DefaultMaxLength = 200;
    public const double DefaultRopeBase = 500;
}

/// <param name="UserTower">The imported user tower's configuration; null if the retriever was not replaced.</param>
/// <param name="Ranker">The imported ranker's; null if there is none.</param>
/// <param name="Data">The prepared data; null if none is prepared yet.</param>
/// <param name="Notes">What was stripped, assumed or left out, one sentence each.</param>
internal sealed record ImportSummary(ModelInfo? UserTower, RankerModel? Ranker, DatasetSummary? Data, IReadOnlyList<string> Notes);

/// <summary>The ids of an item table's rows, in their order: a NumPy array of integers, or text with one id per line.</summary>
internal static partial class ItemMapFile
{
    private const int LongestHeader = 65_536;
    private static ReadOnlySpan<byte> NumPyStart => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    // Versions 1 to 3 differ only in the header's length field and encoding.
    [GeneratedRegex(@"^\{'descr':\s*'(?<order>[<>|=])(?<kind>[iu])(?<width>[1248])',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\((?<count>[0-9]{1,9}),\s*\),?\s*\}\s*$")]
    private static partial Regex IntegerArray();

    /// <returns>[V] ids, each once.</returns>
    /// <exception cref="InvalidDataException">Neither of the two, or a repeated id; the message says which.</exception>
    public static EntityId[] Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        try
        {
            EntityId[] ids = file.AsSpan().StartsWith(NumPyStart) ? [.. ReadNumPy(file)] : ReadText(file);
            return RequireDistinct(ids);
        }
        catch (Exception e) when (e is InvalidDataException or DecoderFallbackException)
        {
            throw new InvalidDataException($"{path} is not an item map: {e.Message}", e);
        }
    }

    public static void Write(string path, IEnumerable<EntityId> ids) => File.WriteAllLines(path, ids.Select(id => id.Text));

    private static IEnumerable<EntityId> ReadNumPy(byte[] file)
    {
        int version = file.Length > 12 ? file[6] : 0;
        int lengthWidth = version == 1 ? sizeof(ushort) : sizeof(uint);
        long start = 8 + lengthWidth;
        long length = version switch
        {
            1 => BitConverter.ToUInt16(file, 8),
            2 or 3 => BitConverter.ToUInt32(file, 8),
            _ => throw new InvalidDataException("it is not a NumPy file of version 1 to 3."),
        };
        InvalidDataException.ThrowIf(length > LongestHeader || start + length > file.Length, $"its header claims {length} bytes, the file has {file.Length}.");

        string header = Encoding.Latin1.GetString(file, (int)start, (int)length).Trim();
        Match match = IntegerArray().Match(header);
        InvalidDataException.ThrowIf(!match.Success, $"expected a one-dimensional array of integers, found {PrintableName.Of(header)}.");

        int width = int.Parse(match.Groups["width"].ValueSpan, CultureInfo.InvariantCulture);
        long count = long.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture);
        Span<byte> data = file.AsSpan((int)(start + length));
        InvalidDataException.ThrowIf(count * width != data.Length, $"its {count} numbers need {count * width} bytes, it has {data.Length}.");

        bool isBigEndian = match.Groups["order"].ValueSpan is ">";
        bool isUnsigned = match.Groups["kind"].ValueSpan is "u";
        return Enumerable.Range(0, (int)count).Select(i => (EntityId)Integer(file.AsSpan((int)(start + length) + i * width, width), isBigEndian, isUnsigned));
    }

    private static long Integer(ReadOnlySpan<byte> bytes, bool isBigEndian, bool isUnsigned)
    {
        var number = new BigInteger(bytes, isUnsigned, isBigEndian);
        return isUnsigned ? unchecked((long)(ulong)number) : (long)number;
    }

    private static EntityId[] ReadText(byte[] file)
    {
        string[] lines = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(file).TrimStart('\uFEFF').TrimEnd().Split('\n');
        bool areNumbers = lines.All(line => EntityId.IsWholeNumber(line.Trim(), out _));
        return [.. lines.Select((line, i) => EntityId.IsValid(line.Trim())
            ? EntityId.Of(line.Trim(), areNumbers)
            : throw new InvalidDataException($"line {i + 1} is {PrintableName.Of(line.Trim())}, expected an item id."))];
    }

    private static EntityId[] RequireDistinct(EntityId[] ids)
    {
        var rows = new Dictionary<EntityId, int>(ids.Length);
        for (int row = 0; row < ids.Length; row++)
        {
            InvalidDataException.ThrowIf(!rows.TryAdd(ids[row], row), $"item {ids[row]} is in rows {rows[ids[row]]} and {row}.");
        }

        return ids;
    }
}
