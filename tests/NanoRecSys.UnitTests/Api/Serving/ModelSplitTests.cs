using System.ComponentModel.DataAnnotations;
using NanoRecSys.Api.Serving;

namespace NanoRecSys.UnitTests.Api.Serving;

public sealed class ModelSplitTests
{
    [Fact]
    public void Users_are_divided_by_weight()
    {
        var split = new ModelSplit(new Dictionary<string, double> { ["bbbbbbbbbbbb"] = 1, ["aaaaaaaaaaaa"] = 9 });

        int first = Enumerable.Range(0, 100_000).Count(user => split.Choose(user) == "aaaaaaaaaaaa");

        Assert.InRange(first, 89_500, 90_500); // the standard deviation is 95
    }

    [Fact]
    public void A_user_s_version_never_changes()
    {
        // Recorded once: a change of the hash, or of the settings' order, would move users between models.
        var split = new ModelSplit(new Dictionary<string, double> { ["bbbbbbbbbbbb"] = 1, ["aaaaaaaaaaaa"] = 1 });

        Assert.Equal("bbaaababba", string.Concat(Enumerable.Range(1, 10).Select(user => split.Choose(user)![0])));
    }

    [Theory]
    [InlineData("000000000000", 0)]
    [InlineData("000000000000", -1)]
    [InlineData("000000000000", double.NaN)]
    [InlineData("newest", 1)]
    public void An_invalid_split_is_reported(string version, double weight)
    {
        var options = new ModelsOptions { Split = new Dictionary<string, double> { [version] = weight, ["aaaaaaaaaaaa"] = 1 } };

        ValidationResult error = Assert.Single(options.Validate(new ValidationContext(options)));

        Assert.StartsWith($"Models:Split: '{version}'", error.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_weights_nothing_is_split() => Assert.Null(new ModelSplit([]).Choose(5));
}
