using System.ComponentModel.DataAnnotations;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Api.Models;

/// <summary>Section <c>Models</c>.</summary>
public sealed class ModelsOptions : IValidatableObject
{
    public const string Section = "Models";

    /// <summary>Version to weight: these versions side by side, users divided among them. Empty: the current one for all.</summary>
    public IDictionary<string, double> Split { get; init; } = new Dictionary<string, double>();

    /// <summary>In which numbers the user tower is served: one of <see cref="UserTowerPrecision"/>.</summary>
    [AllowedValues(UserTowerPrecision.Auto, UserTowerPrecision.ThirtyTwoBits, UserTowerPrecision.EightBits)]
    public string UserTower { get; init; } = UserTowerPrecision.Auto;

    /// <summary>Whether the embeddings that were computed at publish answer for users whose history has not changed since.</summary>
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

/// <summary>Divides users among versions by a hash that never changes: who is served by one today is tomorrow, too.</summary>
public sealed class ModelSplit
{
    private readonly (string Version, double Until)[] _shares; // ascending, the last until 1

    /// <param name="weights">Version to weight; they need not add up to anything.</param>
    public ModelSplit(IEnumerable<KeyValuePair<string, double>> weights)
    {
        // By name, so that the order of the settings decides nothing.
        KeyValuePair<string, double>[] ordered = [.. weights.OrderBy(share => share.Key, StringComparer.Ordinal)];
        double sum = ordered.Sum(share => share.Value);
        double until = 0;
        _shares = [.. ordered.Select(share => (share.Key, until += share.Value / sum))];
    }

    public IEnumerable<string> Versions => _shares.Select(share => share.Version);

    /// <returns>The version's name; null where nothing is split.</returns>
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

        return _shares.Length > 0 ? _shares[^1].Version : null; // rounding left a sliver at the end
    }

    // The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): neighbouring user ids land far apart.
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
