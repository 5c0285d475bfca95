using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Api.Serving;

/// <summary>The model served now, the versions of the split, and why a newer version is not served.</summary>
internal sealed class ServedModel(ModelSplit split) : IDisposable
{
    private readonly TaskCompletionSource _firstLook = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ModelSnapshot? _current;
    private volatile string? _refusal;
    private volatile FrozenDictionary<string, ModelSnapshot> _beside = FrozenDictionary<string, ModelSnapshot>.Empty;

    public string? Refusal => _refusal; // why the version that should be served is not; null if it is
    public Task FirstLook => _firstLook.Task; // completes when the version published at start is served or refused
    public ArtifactVersion? Artifacts => Volatile.Read(ref _current)?.Artifacts; // the served version's manifest and folder; null before the first model
    public IEnumerable<string> Beside => _beside.Keys; // versions of Models:Split that are in memory

    /// <summary>
    /// The snapshot that serves a user, kept alive until the lease is disposed; the current one if the version of the user's share
    /// is not loaded, or there is no user. Null before the first model.
    /// </summary>
    public SnapshotLease? Lease(int? bucket = null)
    {
        if (bucket is { } share && split.Choose(share) is { } version && _beside.TryGetValue(version, out ModelSnapshot? chosen) && chosen.TryAddLease())
        {
            return new SnapshotLease(chosen);
        }

        while (Volatile.Read(ref _current) is { } snapshot)
        {
            // False only if a swap came between the two lines; the next iteration gets the new snapshot.
            if (snapshot.TryAddLease())
            {
                return new SnapshotLease(snapshot);
            }
        }

        return null;
    }

    /// <returns>Null unless this version serves all or some users.</returns>
    public SnapshotLease? Lease(string version) =>
        new[] { Volatile.Read(ref _current), _beside.GetValueOrDefault(version) }
            .FirstOrDefault(snapshot => snapshot?.Version == version && snapshot.TryAddLease()) is { } chosen ? new SnapshotLease(chosen) : null;

    internal void Swap(ModelSnapshot? next)
    {
        ModelSnapshot? previous = Interlocked.Exchange(ref _current, next);
        Accept();
        previous?.ReleaseLease();
    }

    /// <summary>Serves a snapshot to its share of the users until the process ends.</summary>
    internal void AddBeside(ModelSnapshot snapshot) => _beside = _beside
        .Append(new KeyValuePair<string, ModelSnapshot>(snapshot.Version, snapshot))
        .ToFrozenDictionary();

    /// <summary>The right version is being served.</summary>
    internal void Accept() => _refusal = null;

    internal void Refuse(string reason) => _refusal = reason;

    internal void EndFirstLook() => _firstLook.TrySetResult();

    public void Dispose()
    {
        Swap(null);
        foreach (ModelSnapshot snapshot in _beside.Values)
        {
            snapshot.ReleaseLease();
        }

        _beside = FrozenDictionary<string, ModelSnapshot>.Empty;
    }
}

/// <summary>A version that is not served, kept in memory for previews until none has used it for a while.</summary>
internal sealed class PreviewModel(ServedModel served, ModelLoader loader, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _loading = new(1, 1);
    private readonly Lock _changing = new();
    private ModelSnapshot? _loaded;
    private ITimer? _end;

    /// <exception cref="ArtifactException">There is no such version, or it is damaged.</exception>
    public async Task<SnapshotLease> LeaseAsync(string version, CancellationToken cancellationToken)
    {
        if (served.Lease(version) is { } resident)
        {
            return resident;
        }

        await _loading.WaitAsync(cancellationToken);
        try
        {
            if (TryLease(version) is { } known)
            {
                return known;
            }

            Dispose(); // before the next one is loaded, so that there is at most one besides the served versions
            ModelSnapshot loaded = await loader.LoadAsync(version, cancellationToken);
            lock (_changing)
            {
                _loaded = loaded;
            }

            return TryLease(version)!;
        }
        finally
        {
            _loading.Release();
        }
    }

    public void Dispose()
    {
        lock (_changing)
        {
            _end?.Dispose();
            _loaded?.ReleaseLease();
            (_end, _loaded) = (null, null);
        }
    }

    private SnapshotLease? TryLease(string version)
    {
        lock (_changing)
        {
            if (_loaded?.Version != version || !_loaded.TryAddLease())
            {
                return null;
            }

            _end?.Dispose();
            _end = time.CreateTimer(_ => Dispose(), null, Kept, Timeout.InfiniteTimeSpan);
            return new SnapshotLease(_loaded);
        }
    }
}

/// <summary>Keeps a snapshot alive while a request uses it, even after a newer one has replaced it.</summary>
internal sealed class SnapshotLease(ModelSnapshot model) : IDisposable
{
    private bool _isReleased;

    public ModelSnapshot Model => model;

    // A second release would free native memory that another request reads.
    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _isReleased, true))
        {
            model.ReleaseLease();
        }
    }
}

internal sealed class ModelsOptions : IValidatableObject
{
    public const string Section = "Models";

    /// <summary>Versions with weights: they are served side by side, with the users divided among them. If empty, the current version serves all users.</summary>
    public IDictionary<string, double> Split { get; init; } = new Dictionary<string, double>();

    /// <summary>The precision of the served user tower: one of <see cref="UserTowerPrecision"/>.</summary>
    [AllowedValues(UserTowerPrecision.Auto, UserTowerPrecision.ThirtyTwoBits, UserTowerPrecision.EightBits)]
    public string UserTower { get; init; } = UserTowerPrecision.Auto;

    /// <summary>Whether to use the embeddings computed at publish for users whose history has not changed since.</summary>
    public bool UserEmbeddings { get; init; } = true;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach ((string version, double weight) in Split)
        {
            if (!VersionName.IsWellFormed(version) || !(weight > 0 && double.IsFinite(weight)))
            {
                yield return new ValidationResult($"{Section}:Split: '{version}' = {weight} is not a version (12 hex digits) with a weight above 0.");
            }
        }
    }
}

/// <summary>Divides users among versions by a fixed hash, so that a user stays with a version.</summary>
internal sealed class ModelSplit
{
    private readonly (string Version, double Until)[] _shares; // ascending, the last one is 1

    /// <param name="weights">Weights by version; their sum is arbitrary.</param>
    public ModelSplit(IEnumerable<KeyValuePair<string, double>> weights)
    {
        // Sorted by name, so that the order of the settings does not matter.
        KeyValuePair<string, double>[] ordered = [.. weights.OrderBy(share => share.Key, StringComparer.Ordinal)];
        double sum = ordered.Sum(share => share.Value);
        double until = 0;
        _shares = [.. ordered.Select(share => (share.Key, until += share.Value / sum))];
    }

    public IEnumerable<string> Versions => _shares.Select(share => share.Version);

    /// <returns>The version's name; null without a split.</returns>
    public string? Choose(int bucket)
    {
        double place = Mix((uint)bucket) / (double)ulong.MaxValue;
        foreach ((string version, double until) in _shares)
        {
            if (place < until)
            {
                return version;
            }
        }

        return _shares.Length > 0 ? _shares[^1].Version : null; // rounding can leave a gap at the end
    }

    // The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): similar user ids get very different values.
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
