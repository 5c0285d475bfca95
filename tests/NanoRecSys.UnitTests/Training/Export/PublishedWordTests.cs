namespace NanoRecSys.UnitTests.Training.Export;

public sealed class PublishedWordTests
{
    [Theory]
    [InlineData("movielens-small", "films")]
    [InlineData("ml-1m-sequences", "films")]
    [InlineData("Beauty", null)]
    [InlineData("html-articles", null)]
    public void Items_of_MovieLens_are_called_films_and_others_items(string dataset, string? plural) =>
        Assert.Equal(plural is null ? null : new ItemWord("film", plural), PublishStep.WordOf(dataset));
}
