from laptop.ministack_seams import check_seams
from laptop.sagemaker.seams import SageMakerSeam


def test_the_names_of_ministack_are_where_they_were():
    check_seams(SageMakerSeam)
